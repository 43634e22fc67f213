from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SummitConfig(AppConfig):
    name = "summit"
    verbose_name = _("Events and RSVPs")

    def ready(self):
        """What partners do to contacts has consequences here, and they know nothing of the summit."""
        contacts, merging, invitations = map(  # rules import models, which are there only now
            import_module, ("partners.contacts", "partners.merging", "summit.invitations")
        )
        contacts.FORGETS.append(invitations.forget)
        contacts.READDRESSES.append(invitations.write_again)
        merging.JOINS.append(invitations.join)
