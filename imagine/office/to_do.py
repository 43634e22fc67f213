"""What waits for the office: the to-do list of the admin's start page.

Each function counts one kind of work, and links to the list of exactly these records. Staff see only the work that
they have permission to do.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser
from django.db.models import Count, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.formatting import short_date
from imagine.mail.bulk.progress import unfinished_mailings
from imagine.mail.models import Message
from partners.models import DuplicateCandidate, Import, Organization, Pledge
from summit import organization_matching
from summit.admin.event_page import rsvp_list_url
from summit.models import Event


@dataclass(frozen=True)
class ToDo:
    """A number of things to do, what they are, and the button that leads to them."""

    number: int
    label: str
    button: str
    url: str
    detail: str = ""


def to_do_list(user: AbstractUser) -> list[ToDo]:
    """Return what this user can do something about, most urgent first."""
    return [to_do for permission, find in WORK if user.has_perm(permission) for to_do in find(user)]


def has_work(user: AbstractUser) -> bool:
    """Return whether anything could ever be on this user's list."""
    return any(user.has_perm(permission) for permission, _find in WORK)


# Email -----------------------------------------------------------------------------------------------------------


def undelivered_email(user: AbstractUser) -> Iterator[ToDo]:
    states = {state.value: Count("pk", filter=Q(state=state)) for state in Message.UNDELIVERED}
    counted = Message.objects.to_handle().visible_to(user).aggregate(**states)
    if bounced := counted[Message.State.REJECTED]:
        yield ToDo(
            bounced,
            ngettext("email bounced", "emails bounced", bounced),
            _("See bounced emails"),
            messages_url(Message.State.REJECTED),
            _("Correct the address, then mark the email as handled."),
        )
    if failed := counted[Message.State.FAILED]:
        yield ToDo(
            failed,
            ngettext("email failed", "emails failed", failed),
            _("See failed emails"),
            messages_url(Message.State.FAILED),
            _("Resend it, or mark it as handled."),
        )
    if unknown := counted[Message.State.UNKNOWN]:
        yield ToDo(
            unknown,
            ngettext("email with unknown delivery", "emails with unknown delivery", unknown),
            _("Review deliveries"),
            messages_url(Message.State.UNKNOWN),
            _("It may have arrived. Mark it as delivered, or resend it."),
        )


def messages_url(state: str) -> str:
    return f"{reverse('admin:mail_message_changelist')}?state__exact={state}&handled=no"


def paused_mailings(_user: AbstractUser) -> Iterator[ToDo]:
    for mailing in unfinished_mailings().filter(paused_at__isnull=False, stopped_at__isnull=True):
        url = reverse("admin:mail_mailing_change", args=[mailing.pk])
        yield ToDo(1, _("mailing is paused"), _("Open mailing"), url, mailing.title)


# Events ----------------------------------------------------------------------------------------------------------


def event_work(user: AbstractUser) -> Iterator[ToDo]:
    events = Event.objects.upcoming().filter(canceled_at__isnull=True).with_seats()
    for event in events.annotate(waiting_parties=Count("rsvps", filter=Q(rsvps__waitlisted_seats__gt=0))):
        if event.available_seats and event.waiting_parties and user.has_perm("summit.change_rsvp"):
            yield stuck_waitlist(event, event.waiting_parties)
        if not event.is_published and event.rsvp_opens_at <= timezone.now() and user.has_perm("summit.change_event"):
            yield unpublished_event(event)


def stuck_waitlist(event: Event, parties: int) -> ToDo:
    seats = ngettext("%(n)d seat is available.", "%(n)d seats are available.", event.available_seats)
    too_large = _("They need more seats than that, or staff moved them to the waitlist.")
    why = too_large if event.waitlist_is_open else _("The waitlist has closed.")
    return ToDo(
        parties,
        ngettext("waitlisted party could move up", "waitlisted parties could move up", parties),
        _("Review waitlist"),
        rsvp_list_url(event, waitlisted_seats__gt="0"),
        f"{event.localized_title}: {seats % {'n': event.available_seats}} {why}",
    )


def unpublished_event(event: Event) -> ToDo:
    detail = _("%(event)s: RSVPs were set to open on %(day)s.")
    return ToDo(
        1,
        _("event isn’t published"),
        _("Review event"),
        reverse("admin:summit_event_change", args=[event.pk]),
        detail % {"event": event.localized_title, "day": short_date(event.rsvp_opens_at)},
    )


def organizations_to_match(_user: AbstractUser) -> Iterator[ToDo]:
    if names := organization_matching.names_to_match().count():
        label = ngettext("organization name to match", "organization names to match", names)
        yield ToDo(names, label, _("Match organizations"), reverse("admin:summit_to_match"))


# Partners --------------------------------------------------------------------------------------------------------


def profiles_to_approve(_user: AbstractUser) -> Iterator[ToDo]:
    if profiles := Organization.objects.pending_approval().count():
        url = f"{reverse('admin:partners_organization_changelist')}?listing_status=pending"
        label = ngettext("profile pending approval", "profiles pending approval", profiles)
        yield ToDo(profiles, label, _("Review profiles"), url)


def unsigned_drafts(_user: AbstractUser) -> Iterator[ToDo]:
    if drafts := Pledge.objects.filter(signed_at__isnull=True, year__closed_at__isnull=True).count():
        url = f"{reverse('admin:partners_pledge_changelist')}?state=draft"
        label = ngettext("draft pledge isn’t signed", "draft pledges aren’t signed", drafts)
        yield ToDo(drafts, label, _("See drafts"), url)


def possible_duplicates(_user: AbstractUser) -> Iterator[ToDo]:
    if pairs := DuplicateCandidate.objects.not_dismissed().count():
        label = ngettext("pair of possible duplicates", "pairs of possible duplicates", pairs)
        yield ToDo(pairs, label, _("Review duplicates"), reverse("admin:partners_duplicatecandidate_changelist"))


def imports_to_review(_user: AbstractUser) -> Iterator[ToDo]:
    counted = Import.objects.filter(state=Import.State.CHECKED).aggregate(
        imports=Count("pk"), errors=Sum("error_count")
    )
    if imports := counted["imports"]:
        errors = ngettext("%(n)d row has errors.", "%(n)d rows have errors.", counted["errors"])
        yield ToDo(
            imports,
            ngettext("import to review", "imports to review", imports),
            _("Review imports"),
            f"{reverse('admin:partners_import_changelist')}?state__exact={Import.State.CHECKED}",
            errors % {"n": counted["errors"]} if counted["errors"] else "",
        )


Find = Callable[[AbstractUser], Iterator[ToDo]]

WORK: list[tuple[str, Find]] = [
    ("mail.change_message", undelivered_email),
    ("summit.change_event", event_work),
    ("mail.change_mailing", paused_mailings),
    ("partners.add_import", imports_to_review),
    ("partners.change_organization", profiles_to_approve),
    ("summit.change_rsvp", organizations_to_match),
    ("partners.merge_organizations", possible_duplicates),
    ("partners.change_pledge", unsigned_drafts),
]
