"""What is special about mailings of invitations and of change notices."""

from django.utils.translation import gettext_lazy as _

from imagine.mail.bulk.kinds import MailingKind, register_mailing_kind
from imagine.mail.models import Mailing
from summit.emails.kinds import SummitEmailKind
from summit.invitations import change_notices, writing


def invitations_context(mailing: Mailing) -> dict[str, int]:
    return {"accepted": mailing.invitations.accepted().count()}


def change_notice_context(mailing: Mailing) -> dict[str, bool]:
    return {"event_is_canceled": mailing.template == SummitEmailKind.INVITATION_CANCELED}


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


def register_mailing_kinds() -> None:
    register_mailing_kind(SummitEmailKind.INVITATION, INVITATIONS)
    for template in change_notices.KINDS:
        register_mailing_kind(template, CHANGE_NOTICE)
