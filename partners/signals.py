"""Signals for other apps about changes of contacts and organizations.

Each signal is sent in the transaction of the change, so an exception in a receiver undoes the change. The first three
signals let receivers lock their rows before anything is written, in the order given in docs/rules.md.

The last two ask for pages of other apps that ours link to. Receivers return a PageLink.
"""

from typing import NamedTuple

from django.dispatch import Signal

organizations_leaving = Signal()  # organizations: primary keys; before they are locked to merge or delete them
# contacts: primary keys; before their organizations are locked to correct their addresses
contact_emails_changing = Signal()
contacts_locked = Signal()  # contacts: all those for which this transaction sends a signal below
contact_email_changed = Signal()  # contact: with its new address; before: the old one
# Asks where an address was verified. Arguments: `contact`. Receivers return sentences for staff.
address_proofs_asked = Signal()
contacts_deleted = Signal()  # contacts: right before they are deleted
contact_merged = Signal()  # contact, duplicate: right before the duplicate is deleted

contact_page_asked = Signal()  # contact: in the admin
pledge_page_asked = Signal()  # token: of the pledge's link


class PageLink(NamedTuple):
    url: str
    title: str
