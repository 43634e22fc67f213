from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        """What partners do to contacts, and staff to mail, has consequences here, and they know nothing of the
        summit."""
        again, contacts, merging, invitations = map(  # rules import models, which are there only now
            import_module, ("imagine.again", "partners.contacts", "partners.merging", "summit.invitations")
        )
        again.RULES["invitation"] = invitations.send_again
        contacts.FORGETS.append(invitations.forget)
        contacts.READDRESSES.append(invitations.write_again)
        merging.JOINS.append(invitations.join)
