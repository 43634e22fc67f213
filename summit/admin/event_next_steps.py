"""What to do next about an event: the sentences and links at the top of its page."""

from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.formatting import date_at_time, short_date
from summit.admin import event_links
from summit.models import Event


class NextStep(NamedTuple):
    """A sentence, and the link that does what it says, if there is one."""

    text: str
    label: str = ""
    url: str = ""


def status_sentence(event: Event) -> str:
    """Return where an event with its seats stands, in a sentence or two. A time at the end brings its own period."""
    if event.canceled_at:
        return _("Canceled on %(day)s.") % {"day": short_date(event.canceled_at)}
    if event.is_over:
        return _("Over.")
    if not event.is_published:
        return _("Draft. Guests can’t see this event yet.")
    sentence = {
        Event.State.SOON: _("Published. RSVPs open on %(opens)s"),
        Event.State.CLOSED: _("Published. RSVPs closed on %(closes)s"),
        Event.State.FULL: _("Published and full. New guests can join the waitlist until %(closes)s"),
    }.get(event.state, _("Published. Guests can RSVP until %(closes)s"))
    opens, closes = date_at_time(event.rsvp_opens_at), date_at_time(event.rsvp_closes_at)
    return sentence % {"opens": opens, "closes": closes}


def next_steps(
    event: Event, user: AbstractBaseUser, *, seats: dict, came: dict | None, invited: int | None, failed: int
) -> list[NextStep]:
    """Return what this user can do about an event now, most urgent first. `seats`, `came` and `invited` are the numbers
    of summit.stats, None where there are none."""
    if not user.has_perm("summit.change_event"):
        return []
    if event.canceled_at:
        steps = []
    elif event.is_over:
        steps = after_event(event, user, seats, came)
    elif not event.is_published:
        steps = before_publishing(event)
    else:
        steps = [*about_seats(event, seats), *about_invitations(event, user, invited)]
    return [*steps, *about_failed_emails(event, failed)]


def before_publishing(event: Event) -> list[NextStep]:
    preview = reverse("admin:summit_event_preview", args=[event.pk])
    steps = []
    if not (event.title_es and (event.description_es or not event.description)):
        text = _("Add the title and description in Spanish. Until then, Spanish pages and emails show the English.")
        steps.append(NextStep(text, _("Add Spanish text"), event_links.tab_url(event, "settings")))
    text = _("Look at the page the way guests will see it. When it’s right, press “Publish event” above.")
    return [*steps, NextStep(text, _("Preview"), preview)]


def about_seats(event: Event, seats: dict) -> list[NextStep]:
    capacity = _("Change capacity"), reverse("admin:summit_event_capacity", args=[event.pk])
    waitlist = _("See the waitlist"), event_links.rsvp_list_url(event, status="waitlisted")
    if seats["over"]:
        text = ngettext(
            "You’re %(n)s seat over capacity. No one loses a seat, but the waitlist is on hold.",
            "You’re %(n)s seats over capacity. No one loses a seat, but the waitlist is on hold.",
            seats["over"],
        )
        return [NextStep(text % {"n": seats["over"]}, *capacity)]
    if seats["waiting"] and seats["free"]:
        text = ngettext(
            "%(n)s seat is available, but the parties on the waitlist need more.",
            "%(n)s seats are available, but the parties on the waitlist need more.",
            seats["free"],
        )
        if not event.waitlist_is_open:
            text = ngettext(
                "%(n)s seat is available, but the waitlist has closed.",
                "%(n)s seats are available, but the waitlist has closed.",
                seats["free"],
            )
        return [NextStep(text % {"n": seats["free"]}, *waitlist)]
    if seats["waiting"]:
        text = ngettext(
            "The event is full, and guests are waiting for %(n)s seat.",
            "The event is full, and guests are waiting for %(n)s seats.",
            seats["waiting"],
        )
        return [NextStep(text % {"n": seats["waiting"]}, *capacity)]
    return []


def about_invitations(event: Event, user: AbstractBaseUser, invited: int | None) -> list[NextStep]:
    if invited != 0 or event.rsvp_is_closed or not user.has_perm("summit.add_invitation"):
        return []
    invite = reverse("admin:summit_event_invite", args=[event.pk])
    return [NextStep(_("No one has been invited yet."), _("Invite people"), invite)]


def after_event(event: Event, user: AbstractBaseUser, seats: dict, came: dict | None) -> list[NextStep]:
    steps = []
    if seats["held"] and came and not came["guests"] and user.has_perm("summit.change_rsvp"):
        confirmed = event_links.rsvp_list_url(event, status="confirmed")
        steps.append(NextStep(_("No one is marked as attended yet."), _("Mark who attended"), confirmed))
    later = Event.objects.filter(kind=event.kind, starts_at__gt=event.starts_at).exists()
    if event.kind == Event.Kind.SUMMIT and not later and user.has_perm("summit.add_event"):
        text = _("The next summit isn’t set up yet. It starts as a copy of this one.")
        steps.append(NextStep(text, _("Set up next spring’s summit"), event_links.next_spring_url(event)))
    return steps


def about_failed_emails(event: Event, failed: int) -> list[NextStep]:
    if not failed:
        return []
    text = ngettext(
        "%(n)s email about this event couldn’t be delivered.",
        "%(n)s emails about this event couldn’t be delivered.",
        failed,
    )
    return [NextStep(text % {"n": failed}, _("Failed emails"), event_links.tab_url(event, "emails"))]
