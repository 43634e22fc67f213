"""Admin actions on RSVPs. Each goes through the rules and reports the outcome per RSVP."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from imagine.core.admin.actions import Outcome, report_outcomes
from imagine.core.audit import MAX_LENGTH_REASON
from imagine.core.errors import RuleViolation
from partners.admin.components import LINKS_SENT, LINKS_SENT_RECENTLY
from summit import attendance, rsvp_links, seats


@admin.action(description=_("Cancel RSVPs"), permissions=["change"])
def cancel_rsvps(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP canceled.", "%(number)d RSVPs canceled.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.cancel, rsvps.order_by("pk")), done)


@admin.action(description=_("Restore canceled RSVPs"), permissions=["change"])
def reinstate_rsvps(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP restored.", "%(number)d RSVPs restored.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.reinstate, rsvps.order_by("pk"), by_staff=True), done)


@admin.action(description=_("Confirm waitlisted seats"), permissions=["change"])
def promote_rsvps(page, request, rsvps):
    done = ngettext_lazy("Seats confirmed for %(number)d RSVP.", "Seats confirmed for %(number)d RSVPs.", "number")
    rsvps = rsvps.order_by("waitlisted_since", "pk")
    report_outcomes(page, request, seats.apply_to_many(seats.promote_by_staff, rsvps), done)


@admin.action(description=_("Confirm seats over capacity"), permissions=["change"])
def promote_over_capacity(page, request, rsvps):
    done = ngettext_lazy("Seats confirmed for %(number)d RSVP.", "Seats confirmed for %(number)d RSVPs.", "number")
    reason = request.POST.get("reason", "").strip()[:MAX_LENGTH_REASON]
    if not reason:
        message = _("Enter a reason next to the action. We save it in the change history.")
        page.message_user(request, message, messages.ERROR)
        return
    rsvps = rsvps.order_by("waitlisted_since", "pk")
    report_outcomes(page, request, seats.apply_to_many(seats.promote_by_staff, rsvps, override_reason=reason), done)


@admin.action(description=_("Move to the end of the waitlist"), permissions=["change"])
def move_rsvps_to_waitlist(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP moved to the waitlist.", "%(number)d RSVPs moved to the waitlist.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.move_to_waitlist, rsvps.order_by("pk")), done)


@admin.action(description=_("Email personal link again"), permissions=["change"])
def resend_links(page, request, rsvps):
    outcomes = apply_one_by_one(rsvp_links.mail_link_by_staff, rsvps)
    report_outcomes(page, request, outcomes, LINKS_SENT, LINKS_SENT_RECENTLY)


@admin.action(description=_("Replace personal link and email the new one"), permissions=["link"])
def replace_rsvp_links(page, request, rsvps):
    done = ngettext_lazy("%(number)d personal link replaced.", "%(number)d personal links replaced.", "number")
    report_outcomes(page, request, apply_one_by_one(rsvp_links.replace_rsvp_link, rsvps), done)


@admin.action(description=_("Mark as attended"), permissions=["change"])
def check_in_parties(page, request, rsvps):
    done = ngettext_lazy("%(number)d party marked as attended.", "%(number)d parties marked as attended.", "number")
    report_outcomes(page, request, apply_one_by_one(attendance.check_in_party, rsvps), done)


@admin.action(description=_("Mark as no-show"), permissions=["change"])
def mark_no_shows(page, request, rsvps):
    done = ngettext_lazy("%(number)d party marked as a no-show.", "%(number)d parties marked as no-shows.", "number")
    report_outcomes(page, request, apply_one_by_one(attendance.mark_no_show, rsvps), done)


def apply_one_by_one(action: Callable[[Any], object], rows: Iterable[Model]) -> Iterator[tuple[Model, Outcome]]:
    """Like seats.apply_to_many, for actions that free no seats."""
    for row in rows:
        try:
            outcome = action(row) is not False
        except (RuleViolation, ObjectDoesNotExist) as error:
            outcome = error
        yield row, outcome


ACTIONS = (
    cancel_rsvps,
    reinstate_rsvps,
    promote_rsvps,
    promote_over_capacity,
    move_rsvps_to_waitlist,
    check_in_parties,
    mark_no_shows,
    resend_links,
    replace_rsvp_links,
)
