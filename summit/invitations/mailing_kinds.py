"""What is special about mailings of invitations, change notices and emails to guests."""

from django.utils.translation import gettext_lazy as _

from imagine.mail.bulk.kinds import MailingKind, register_mailing_kind
from imagine.mail.models import Mailing
from summit.emails.kinds import SummitEmailKind
from summit.invitations import change_notices, writing
from summit.models import StaffEmail


def invitations_context(mailing: Mailing) -> dict[str, int]:
    return {"accepted": mailing.invitations.accepted().count()}


def change_notice_context(mailing: Mailing) -> dict[str, bool]:
    return {"event_is_canceled": mailing.template == SummitEmailKind.INVITATION_CANCELED}


def staff_email_context(mailing: Mailing) -> dict[str, int]:
    return {"staff_email": StaffEmail.objects.values_list("pk", flat=True).get(mailing=mailing)}


INVITATIONS = MailingKind(
    page_template="admin/summit/mailing/invitations.html",
    page_context=invitations_context,
    stop_template="admin/summit/mailing/stop_invitations.html",
    stop=writing.stop_invitations,
    stopped_message=_("Mailing stopped. Anyone not yet emailed won’t be invited."),
)
CHANGE_NOTICE = MailingKind(
    page_template="admin/summit/mailing/change_notice.html",
    page_context=change_notice_context,
    stop_template="admin/summit/mailing/stop_change_notice.html",
    stop=writing.stop_invitations,
    stopped_message=_("Mailing stopped. Anyone not yet emailed won’t be notified."),
)
STAFF_EMAIL = MailingKind(page_template="admin/summit/mailing/staff_email.html", page_context=staff_email_context)


def register_mailing_kinds() -> None:
    register_mailing_kind(SummitEmailKind.STAFF_EMAIL, STAFF_EMAIL)
    register_mailing_kind(SummitEmailKind.INVITATION, INVITATIONS)
    for template in change_notices.KINDS:
        register_mailing_kind(template, CHANGE_NOTICE)
