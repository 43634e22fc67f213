"""What mails say. One function per message, over one renderer.

Each is called in the transaction of what it tells, with an RSVP whose `event` is loaded, and stores one message. A
message's words stand once, in templates/mail/<kind>.txt; three layouts make subject, plain text and HTML of them. Many
letters at once cost no query for reading when the guests are prefetched.
"""

import re
from copy import copy
from dataclasses import dataclass

from django.conf import settings
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from imagine import mail
from imagine.models import Message
from summit import calendars
from summit.models import Event, Rsvp

LANGUAGES = [code for code, _name in settings.LANGUAGES]
SUBJECT_LENGTH = Message._meta.get_field("subject").max_length


def confirmed(rsvp: Rsvp) -> None:
    """The party holds every seat that it asked for."""
    tell(rsvp, "confirmed")


def waiting(rsvp: Rsvp, *, had_seats: bool = False) -> None:
    """The party is on the waiting list, with all its seats or, when fewer were fine, with some. `had_seats` tells that
    it held all of them until now and staff put it there: then it leaves the calendar."""
    tell(rsvp, "waiting", method="CANCEL" if had_seats else None, had_seats=had_seats)


def moved_up(rsvp: Rsvp, seats: int) -> None:
    """`seats` seats came free and are the party's now; it may still wait for more."""
    tell(rsvp, "moved_up", seats=seats)


def changed(rsvp: Rsvp) -> None:
    """The size of the party changed, by whomever; says how it stands now."""
    tell(rsvp, "changed")


def cancelled(rsvp: Rsvp, *, had_seats: bool) -> None:
    """The RSVP is cancelled. `had_seats` tells whether it held seats until now; only then is it in a calendar."""
    tell(rsvp, "cancelled", method="CANCEL" if had_seats else "", had_seats=had_seats, shows_party=False)


def event_moved(rsvp: Rsvp, before: Event) -> None:
    """Time or place changed; `before` is the event as it was."""
    tell(rsvp, "event_moved", **what_moved(before, rsvp.event))


def event_cancelled(rsvp: Rsvp) -> None:
    """The event will not take place. The RSVP still holds the seats that it held."""
    tell(rsvp, "event_cancelled", method="CANCEL" if rsvp.held_seats else "", link=landing(), shows_party=False)


def link(rsvp: Rsvp, number: int) -> None:
    """The private link again, to the stored address, for the `number`-th time; summit.links says how often."""
    store(rsvp, "link", key=f"rsvp:{rsvp.pk}:link:{number}", shows_party=False)


def new_link(rsvp: Rsvp) -> None:
    """Staff replaced the private link; the old one opens nothing any more."""
    tell(rsvp, "new_link", method="", shows_party=False)


# Shown before they are written ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """A letter as it would be sent: language, subject and plain text, with nobody's private link in it."""

    language: str
    subject: str
    text: str


def preview_event_moved(rsvp: Rsvp, before: Event) -> list[Preview]:
    """What `event_moved` would say, in each language. Stores nothing."""
    method = "REQUEST" if rsvp.held_seats else ""
    return [preview(rsvp, "event_moved", code, method=method, **what_moved(before, rsvp.event)) for code in LANGUAGES]


def preview_event_cancelled(rsvp: Rsvp) -> list[Preview]:
    """What `event_cancelled` would say of an event that is called off now, in each language. Stores nothing."""
    rsvp.event = copy(rsvp.event)
    rsvp.event.cancelled_at = timezone.now()
    words = {"link": landing(), "shows_party": False, "method": "CANCEL" if rsvp.held_seats else ""}
    return [preview(rsvp, "event_cancelled", code, **words) for code in LANGUAGES]


def preview(rsvp: Rsvp, kind: str, language: str, **words) -> Preview:
    with translation.override(language):
        context = written(rsvp, kind, **words)
        if context["link_is_private"]:
            context["link"] = _("(the link of this party alone)")
        return Preview(language, context["subject"], plain(kind, context))


# Writing and rendering -----------------------------------------------------------------------------------------


def what_moved(before: Event, event: Event) -> dict:
    return {
        "before": before,
        "new_time": (before.starts_at, before.ends_at) != (event.starts_at, event.ends_at),
        "new_place": (before.venue, before.address) != (event.venue, event.address),
    }


def landing() -> str:
    return settings.SITE_URL + reverse("landing")


def tell(rsvp: Rsvp, kind: str, *, method: str | None = None, **words) -> None:
    """Stores the next letter about an RSVP. Its calendar part, unless `method` says otherwise, is a REQUEST when the
    party holds seats, and none when it only waits.

    The sequence grows with every letter: calendars want it to, and it keeps two letters of one kind apart.
    """
    rsvp.sequence += 1
    rsvp.save(update_fields=["sequence"])
    if method is None:
        method = "REQUEST" if rsvp.held_seats else ""
    store(rsvp, kind, key=f"rsvp:{rsvp.pk}:{kind}:{rsvp.sequence}", method=method, **words)


def store(rsvp: Rsvp, kind: str, *, key: str, method: str = "", shows_party: bool = True, **words) -> None:
    """Renders a letter in the RSVP's language and queues it under its key. `words` go to its template."""
    with translation.override(rsvp.language):
        context = written(rsvp, kind, method=method, shows_party=shows_party, **words)
        mail.queue(
            key=key,
            to=rsvp.email,
            language=rsvp.language,
            subject=context["subject"],
            text=plain(kind, context),
            html=render(kind, "mail/layout.html", context),
            calendar=calendars.for_rsvp(rsvp, method) if method else "",
            calendar_method=method,
        )


def written(rsvp: Rsvp, kind: str, *, method: str = "", shows_party: bool = True, **words) -> dict:
    """All that a letter's template is given, and its subject, in the current language."""
    party = party_lines(rsvp) if shows_party else []
    context = {
        "rsvp": rsvp,
        "event": rsvp.event,
        "name": one_line(rsvp.name),
        "link": settings.SITE_URL + rsvp.get_absolute_url(),
        "link_is_private": "link" not in words,
        "party": party,
        "unnamed": sum(not line["is_named"] for line in party),
        "method": method,
        "language": get_language(),
        "postal_address": settings.MAIL_POSTAL_ADDRESS,
    } | words
    return context | {"subject": shortened(one_line(render(kind, "mail/layout.subject.txt", context)))}


def plain(kind: str, context: dict) -> str:
    return without_gaps(render(kind, "mail/layout.txt", context))


def render(kind: str, layout: str, context: dict) -> str:
    """A message's words in one of the layouts. Only HTML is escaped."""
    template = get_template(f"mail/{kind}.txt").template
    return template.render(Context(context | {"layout": layout}, autoescape=layout.endswith(".html")))


def party_lines(rsvp: Rsvp) -> list[dict]:
    """Each guest in one line, name and needs, and whether the guest is named."""
    lines = []
    for guest in rsvp.guests.all():
        name = guest.name or _("Guest %(position)d, not named yet") % {"position": guest.position}
        needs = [need for need in (guest.diet, guest.access) if need]
        lines.append({"words": one_line(", ".join([name, *needs])), "is_named": bool(guest.name)})
    return lines


def one_line(words: str) -> str:
    """A line break in a name can neither begin a header nor a line that reads like ours."""
    return " ".join(words.split())


def shortened(subject: str) -> str:
    return subject if len(subject) <= SUBJECT_LENGTH else subject[: SUBJECT_LENGTH - 1] + "…"


def without_gaps(text: str) -> str:
    """At most one empty line between paragraphs: a template's tags leave more."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
