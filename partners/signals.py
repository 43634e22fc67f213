"""What other apps may have to do when a contact changes.

Each signal is sent in the transaction of the change, after the organization was locked and, for a deletion or a merge,
the contact. What a receiver raises undoes the change.
"""

from django.dispatch import Signal

contact_email_changed = Signal()  # contact, with its new address
contact_deleted = Signal()  # contact, right before it is deleted
contact_merged = Signal()  # contact, and the duplicate of it that is deleted right after
