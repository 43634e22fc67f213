"""Start the mailing of an email that staff wrote, if it goes to the people they confirmed."""

from django.db import transaction
from django.utils.translation import gettext as _

from imagine.core import audit
from imagine.core.errors import RuleViolation
from imagine.core.security_events import record_event
from imagine.mail import dispatch
from imagine.mail.models import Mailing
from imagine.mail.security_events import MailEventKind
from summit import seats
from summit.emails.kinds import SummitEmailKind
from summit.emails.staff_email import Recipient
from summit.models import Invitation, Rsvp, StaffEmail, StaffEmailRecipient
from summit.staff_emails.recipients import find_recipients, fingerprint_email

MAX_LENGTH_TITLE = Mailing._meta.get_field("title").max_length


class CannotEmail(RuleViolation):
    """No one is emailed. The message tells staff why."""


class AlreadyStarted(CannotEmail):
    """The email has a mailing."""


class NoOneToEmail(CannotEmail):
    """No one can be emailed."""


class EmailChanged(CannotEmail):
    """The recipients or the text are no longer what staff confirmed."""


@transaction.atomic
def start_staff_email(email: StaffEmail, *, count: int, mark: str, by: str) -> Mailing:
    """Start the mailing; its emails are written soon after. `count` and `mark` are those of the recipients that staff
    confirmed. Raise AlreadyStarted, NoOneToEmail or EmailChanged."""
    event = seats.lock_event(email.event_id)
    email = StaffEmail.objects.select_for_update(no_key=True).defer("attachment").get(pk=email.pk)
    if email.mailing_id or email.event_id != event.pk:
        raise AlreadyStarted(_("This email has already been sent. Write a new one to email these guests again."))
    email.event = event
    people = [person for person in find_recipients(email) if not person.reason]
    if not people:
        raise NoOneToEmail(_("No one with this status can be emailed."))
    if len(people) != count or fingerprint_email(email, people) != mark:
        raise EmailChanged(
            _("The email or its recipients changed since you opened this page. No one was emailed. Review and confirm.")
        )
    mailing = Mailing.objects.create(
        about=event,
        template=SummitEmailKind.STAFF_EMAIL,
        title=f"{event.title}: {email.subject}"[:MAX_LENGTH_TITLE],
        recipient_count=count,
        started_by=by,
    )
    StaffEmailRecipient.objects.bulk_create([recipient_row(email, person) for person in people], batch_size=2000)
    email.mailing = mailing
    email.save(update_fields=["mailing"])
    audit.log_change(event, {"emailed": ""}, {"emailed": f"{email.subject}: {count}"})
    record_event(MailEventKind.MAILING_APPROVED, mailing, template=mailing.template, recipients=count)
    transaction.on_commit(lambda: dispatch.send_task("summit.tasks.write_invitations", mailing.pk), robust=True)
    return mailing


def recipient_row(email: StaffEmail, person: Recipient) -> StaffEmailRecipient:
    about = person.about
    return StaffEmailRecipient(
        staff_email=email,
        rsvp=about if isinstance(about, Rsvp) else None,
        invitation=about if isinstance(about, Invitation) else None,
    )
