from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        """What partners do to contacts, and staff to mail, has consequences here, and they know nothing of the
        summit."""
        names = ("imagine.mail.resend", "partners.organizations.contacts", "partners.organizations.merging")
        mine = ("summit.invitations.contact_changes", "summit.invitations.resend")
        # rules import models, which are there only now
        again, contacts, merging, contact_changes, resend = map(import_module, (*names, *mine))
        again.RULES["invitation"] = resend.send_again
        contacts.FORGETS.append(contact_changes.forget)
        contacts.READDRESSES.append(contact_changes.write_again)
        merging.JOINS.append(contact_changes.join)
