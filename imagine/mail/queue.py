"""Store email, in the transaction of what it reports; workers send it after the commit."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from imagine.core.database import database_now
from imagine.core.errors import RuleViolation
from imagine.core.rehearsal import note_emails
from imagine.core.rows import insert_rows
from imagine.core.security_events import record_event
from imagine.mail import preferences
from imagine.mail.dispatch import wake_workers
from imagine.mail.models import Message, default_retry_until
from imagine.mail.security_events import MailEventKind
from imagine.mail.signals import resend_requested

CONTENT = [
    *("kind", "recipient", "language", "subject", "body_text", "body_html", "ics", "ics_method"),
    *("topic", "unsubscribe_url"),
    *("attachment_kind", "attachment_content_type", "attachment_object_id", "attachment_name"),
]


class CannotResend(RuleViolation):
    """The email can't be resent. The message tells staff why."""


def message_key(kind: str, about: Model | int | UUID, *occasion) -> str:
    """The idempotency key of an email: its kind, the object it is about or its primary key, and what tells two of one
    kind apart, such as a number or a day. It is only ever compared whole."""
    pk = about.pk if isinstance(about, Model) else about
    return ":".join(map(str, (kind, pk, *occasion)))


def enqueue(
    *,
    kind: str,
    about: Model,
    idempotency_key: str,
    recipient: str,
    language: str,
    subject: str,
    body_text: str,
    body_html: str,
    **fields,
) -> None:
    """Store one email, unless its key exists already, and wake a worker after the commit."""
    message = Message(
        kind=kind,
        about=about,
        idempotency_key=idempotency_key,
        recipient=recipient,
        language=language,
        subject=subject,
        body_text=body_text,
        body_html=body_html,
        **fields,
    )
    enqueue_many([message])


def enqueue_many(messages: Sequence[Message]) -> None:
    """Store unsaved messages as `enqueue` does, with one statement. A guest who phoned may have no address: then there
    is no email."""
    messages = [message for message in messages if message.recipient]
    if messages:
        insert_rows(messages)
        note_emails(messages)
    for name in {message.queue for message in messages}:
        wake_workers_on_commit(name)


def wake_workers_on_commit(queue: str) -> None:
    transaction.on_commit(lambda: wake_workers(queue), robust=True)


# Send again --------------------------------------------------------------------------------------------------------


@transaction.atomic
def resend(message: Message) -> bool:
    """Resend an email for staff, the way the app that knows its kind decides. Return whether there is
    something to send. Raise CannotResend, and DoesNotExist if the message or what it is about is gone."""
    if message.mailing and message.mailing.stopped_at:
        raise CannotResend(_("This email’s mailing was stopped, so it can’t be resent."))
    if Message.objects.filter(pk=message.pk, state__in=Message.PENDING).exists():
        return False  # rather than why it can't be resent
    answers = (answer for _receiver, answer in resend_requested.send(sender=Message, message=message))
    answer = next((answer for answer in answers if answer is not None), None)
    is_resent = requeue(message) if answer is None else bool(answer)
    if is_resent:
        record_event(MailEventKind.EMAIL_RESENT, message)
    return is_resent


@transaction.atomic
def requeue(message: Message, fresh: Message | None = None) -> bool:
    """Queue a failed message again, or a copy of a sent one, at most one per minute. `fresh` is the unsaved email as it
    should read today; without it, the stored one is sent as it is. Return False if it is on its way already or changed
    since it was loaded, or if its mailing was stopped."""
    loaded = message
    message = Message.objects.select_for_update(of=("self",)).select_related("mailing").get(pk=loaded.pk)
    if message.state in Message.PENDING or message.state != loaded.state:
        return False
    if message.mailing and message.mailing.stopped_at:
        return False
    check_can_send(fresh or message)
    if fresh and message.state == Message.State.UNKNOWN:
        check_reads_the_same(message, fresh)
    if message.state == Message.State.SENT or message.bounced_at:
        enqueue_copy(message, fresh or message)
        mark_handled(message)
        return True
    if fresh:
        overwrite(message, fresh)
    # What may have arrived the first time is unknown again if the mailing is stopped (bulk/control.py).
    message.possible_duplicate = message.possible_duplicate or message.state == Message.State.UNKNOWN
    message.state, message.attempts, message.last_error = Message.State.QUEUED, 0, ""
    message.send_after, message.expires_at = Now(), None
    message.retry_until, message.handed_over_at, message.handled_at = default_retry_until(), None, None
    message.save()
    note_emails([message])
    wake_workers_on_commit(message.queue)
    return True


def mark_handled(message: Message) -> bool:
    """Record that staff dealt with a bounced or failed email. Return False if they already had, or if it is neither."""
    waiting = Message.objects.to_handle().filter(pk=message.pk, state__in=Message.CAN_BE_HANDLED)
    return bool(waiting.update(handled_at=Now()))


def check_can_send(content: Message) -> None:
    if not content.body_text:
        raise CannotResend(_("We deleted the text of this email 30 days after it was sent, so it can’t be resent."))
    if content.topic and not preferences.may_email(content.recipient, content.topic):
        raise CannotResend(
            _("This address unsubscribed from these emails, or it bounces. Look it up under “Email preferences”.")
        )


def check_reads_the_same(message: Message, fresh: Message) -> None:
    """Raise CannotResend if another text would be sent under the Message-ID of an email that may have arrived: a
    mailbox may not show it."""
    if any(getattr(message, name) != getattr(fresh, name) for name in ("recipient", "subject", "body_text")):
        raise CannotResend(
            _(
                "This email may have been delivered, and its details have changed since. Mark it as delivered first. "
                "Then you can resend it with today’s details."
            )
        )


def overwrite(message: Message, fresh: Message) -> None:
    """Give a locked message, which no mail server took, the content of an unsaved one."""
    for name in CONTENT:
        setattr(message, name, getattr(fresh, name))
    message.created_at = Now()
    message.save(update_fields=[*CONTENT, "created_at"])


def enqueue_copy(message: Message, content: Message) -> None:
    """Store one more email beside one that was sent. A person waits for it, so it belongs to no mailing."""
    about = message.object_id or message.pk  # the object itself may be gone
    key = message_key(message.kind, about, "again", f"{database_now():%Y%m%d%H%M}")
    fields = {name: getattr(content, name) for name in CONTENT}
    relation = {"content_type": message.content_type, "object_id": message.object_id}
    enqueue_many([Message(idempotency_key=key, **relation, **fields)])
