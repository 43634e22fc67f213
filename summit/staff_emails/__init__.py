"""The rules about emails in staff's own words to the guests of an event (docs/rules.md): who gets one, starting and
writing its mailing, and withdrawing what is outdated.

Locks: the event before the email, its mailing, and its messages.
"""
