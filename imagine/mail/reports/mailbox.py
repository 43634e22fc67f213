"""Read the mailbox that mail servers send delivery reports to (BOUNCE_IMAP_URL).

Every email is looked at once. Reports about our email are deleted, because what they say is recorded and they return
the whole email with its personal links. Everything else stays as it is, unread, for a person.
"""

import imaplib
import logging
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from imagine.mail.models import ReportMailbox
from imagine.mail.reports.mailbox_url import Mailbox
from imagine.mail.reports.parsing import MAX_SIZE
from imagine.mail.reports.recording import Outcome, record_content

logger = logging.getLogger(__name__)

SOCKET_TIMEOUT = 5  # seconds, because the same workers send email that people wait for
READ_SECONDS = 20  # after that, the rest waits for the next time
CLAIM_DURATION = timedelta(seconds=100)  # longer than Celery lets a task run
ERRORS = (OSError, ValueError, imaplib.IMAP4.error)


class CommandRefused(imaplib.IMAP4.error):
    """The mail server answered, and said no."""


def is_configured() -> bool:
    return settings.BOUNCE_MAILBOX is not None


def mailbox_key(box: Mailbox) -> str:
    """Return what stands for a mailbox, so that another one in the settings has a row of its own."""
    return salted_hmac("imagine.mail.reports", f"{box.user}@{box.host}/{box.folder}").hexdigest()


def last_read_at() -> datetime | None:
    box = settings.BOUNCE_MAILBOX
    rows = ReportMailbox.objects.filter(key=mailbox_key(box)) if box else ReportMailbox.objects.none()
    return rows.values_list("read_at", flat=True).first()


def read_mailbox() -> None:
    """Record what new reports say. Nothing is done while another process reads. A mailbox that can't be read is logged
    once; then the start page of the admin says so until it can be read again."""
    box = settings.BOUNCE_MAILBOX
    if box is None:
        return
    row, _created = ReportMailbox.objects.get_or_create(key=mailbox_key(box))
    rows = ReportMailbox.objects.filter(pk=row.pk)
    claimed = rows.filter(claim_expires_at__lte=Now()).update(claim_expires_at=Now() + CLAIM_DURATION)
    if not claimed:
        return
    try:
        with open_mailbox(box) as imap:
            read_new(imap, rows)
        rows.update(read_at=Now(), failing_since=None)
    except ERRORS as error:
        if row.failing_since is None:
            logger.warning("The mailbox for delivery reports can't be read (%s).", describe(error))
            rows.update(failing_since=Now())
    finally:
        rows.update(claim_expires_at=Now())


@contextmanager
def open_mailbox(box: Mailbox) -> Iterator[imaplib.IMAP4]:
    imap = connect(box)
    try:
        imap.authenticate("PLAIN", lambda _challenge: f"\0{box.user}\0{box.password}".encode())
        check_answer(imap.select(quoted(box.folder)))
        yield imap
    finally:
        with suppress(*ERRORS):
            imap.logout()
        with suppress(OSError):
            imap.shutdown()


def connect(box: Mailbox) -> imaplib.IMAP4:
    if not box.is_encrypted:
        return imaplib.IMAP4(box.host, box.port, timeout=SOCKET_TIMEOUT)
    context = ssl.create_default_context()
    return imaplib.IMAP4_SSL(box.host, box.port, ssl_context=context, timeout=SOCKET_TIMEOUT)


def read_new(imap: imaplib.IMAP4, rows: QuerySet[ReportMailbox]) -> None:
    """Look at what came since the last time, oldest first. The position moves on after each email, so whatever stops
    this in the middle, the same report may be recorded again, which does no harm, and none is missed. An email that
    the server refuses to hand out is passed over once a later one was read: until then, it may refuse them all."""
    stop_at = time.monotonic() + READ_SECONDS
    refused = None
    for uid in new_uids(imap, rows):
        if time.monotonic() > stop_at:
            return
        try:
            if not read_one(imap, uid):
                return
        except CommandRefused as error:
            refused = error
            continue
        rows.update(last_uid=uid)
        refused = None
    if refused:
        raise refused


def new_uids(imap: imaplib.IMAP4, rows: QuerySet[ReportMailbox]) -> list[int]:
    """Return the numbers of emails that weren't looked at. If the server renumbered them, that is all of them."""
    validity = int(imap.response("UIDVALIDITY")[1][0] or 0)
    rows.exclude(uid_validity=validity).update(uid_validity=validity, last_uid=0)
    last_uid = rows.values_list("last_uid", flat=True).get()
    found = check_answer(imap.uid("SEARCH", f"UID {last_uid + 1}:*"))
    uids = {int(uid) for line in found for uid in (line or b"").split()}
    return sorted(uid for uid in uids if uid > last_uid)  # "8:*" finds the last email even if its number is 7


def read_one(imap: imaplib.IMAP4, uid: int) -> bool:
    """Read an email if its header says that it is a report. Other email in the mailbox is none of our business. Return
    False if it has to be read again, the next time."""
    header = fetch(imap, uid, "BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE)]")
    if b"multipart/report" not in header.lower():
        return True
    content = fetch(imap, uid, f"BODY.PEEK[]<0.{MAX_SIZE}>")
    outcome = record_content(content)
    if outcome.is_ours:
        imap.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Deleted)")
        if can_expunge_one(imap):
            imap.uid("EXPUNGE", str(uid))
    return outcome != Outcome.TOO_EARLY


def can_expunge_one(imap: imaplib.IMAP4) -> bool:
    """Return whether the server can expunge one email (RFC 4315): a plain EXPUNGE would delete what a person marked,
    too. imaplib remembers what the server could do before signing in, which is less."""
    return b"UIDPLUS" in check_answer(imap.capability())[-1].upper().split()


def fetch(imap: imaplib.IMAP4, uid: int, what: str) -> bytes:
    """Return one part of an email, or nothing if it was deleted in the meantime."""
    lines = check_answer(imap.uid("FETCH", str(uid), f"({what})"))
    return next((line[1] for line in lines if isinstance(line, tuple)), b"")


def check_answer(answer: tuple[str, list]) -> list:
    kind, lines = answer
    if kind != "OK":
        raise CommandRefused("The mail server refused a command.")
    return lines


def describe(error: Exception) -> str:
    """Return the kind of an error. What the server said may name the mailbox."""
    return "IMAP" if isinstance(error, imaplib.IMAP4.error) else type(error).__name__


def quoted(folder: str) -> str:
    return '"{}"'.format(re.sub(r'(["\\])', r"\\\1", folder))
