"""What other apps may have to do when a contact or an organization changes.

Each signal is sent in the transaction of the change. What a receiver raises undoes the change. The first two let
receivers lock their rows in the one order of docs/rules.md, before anything is written.
"""

from django.dispatch import Signal

organizations_leaving = Signal()  # organizations, primary keys, before they are locked to be merged or deleted
contacts_locked = Signal()  # contacts, all that this transaction changes in a way that the signals below tell
contact_email_changed = Signal()  # contact, with its new address
contact_deleted = Signal()  # contact, right before it is deleted
contact_merged = Signal()  # contact, and the duplicate of it that is deleted right after
