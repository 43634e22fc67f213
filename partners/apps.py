from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    name = "partners"
    verbose_name = _("Partners and promises")

    def ready(self):
        # Models can be imported only now.
        from imagine.core.models import register_security_event_kinds
        from imagine.mail import attachments
        from imagine.mail.bulk.kinds import MailingKind, register_mailing_kind
        from partners import receivers  # noqa: F401 (importing it connects them)
        from partners.emails.kinds import PledgeEmailKind
        from partners.emails.pledge import CERTIFICATE, build_certificate
        from partners.security_events import PartnerEventKind

        attachments.register_builder(CERTIFICATE, build_certificate)
        register_security_event_kinds(PartnerEventKind)
        register_mailing_kind(
            PledgeEmailKind.PLEDGE_RENEWAL,
            MailingKind(
                page_template="admin/partners/mailing/renewals.html",
                stop_template="admin/partners/mailing/stop_renewals.html",
                stopped_message=_("Mailing stopped. Partners who hadn’t been emailed yet can be invited again."),
            ),
        )
