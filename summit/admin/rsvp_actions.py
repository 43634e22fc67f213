"""Admin actions on RSVPs. Each goes through the rules and reports the outcome per RSVP."""

from collections.abc import Callable, Iterable

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from imagine.core.admin.actions import Outcome, report_outcomes
from imagine.core.audit import MAX_LENGTH_REASON
from imagine.core.errors import RuleViolation
from summit import attendance, rsvp_links, seats
from summit.models import Rsvp


@admin.action(description=_("Cancel and free the seats"), permissions=["change"])
def cancel_rsvps(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP was cancelled.", "%(number)d RSVPs were cancelled.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.cancel, rsvps.order_by("pk")), done)


@admin.action(description=_("Bring back who cancelled, at the end of the line"), permissions=["change"])
def reinstate_rsvps(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP is back.", "%(number)d RSVPs are back.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.reinstate, rsvps.order_by("pk"), by_staff=True), done)


@admin.action(description=_("Give the seats they wait for"), permissions=["change"])
def promote_rsvps(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP was seated.", "%(number)d RSVPs were seated.", "number")
    rsvps = rsvps.order_by("waitlisted_since", "pk")
    report_outcomes(page, request, seats.apply_to_many(seats.promote_by_staff, rsvps), done)


@admin.action(description=_("Seat them although no seat is free"), permissions=["change"])
def promote_over_capacity(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP was seated.", "%(number)d RSVPs were seated.", "number")
    reason = request.POST.get("reason", "").strip()[:MAX_LENGTH_REASON]
    if not reason:
        message = _("Say why in the field beside the action: it is kept in the history.")
        page.message_user(request, message, messages.ERROR)
        return
    rsvps = rsvps.order_by("waitlisted_since", "pk")
    report_outcomes(page, request, seats.apply_to_many(seats.promote_by_staff, rsvps, override_reason=reason), done)


@admin.action(description=_("Put on the waiting list, at the end of the line"), permissions=["change"])
def move_rsvps_to_waitlist(page, request, rsvps):
    done = ngettext_lazy("%(number)d RSVP waits now.", "%(number)d RSVPs wait now.", "number")
    report_outcomes(page, request, seats.apply_to_many(seats.move_to_waitlist, rsvps.order_by("pk")), done)


@admin.action(description=_("Mail the private link again"), permissions=["change"])
def resend_links(page, request, rsvps):
    done = ngettext_lazy("%(number)d link is on its way.", "%(number)d links are on their way.", "number")
    same = ngettext_lazy(
        "%(number)d link was mailed in the last ten minutes and is not mailed again.",
        "%(number)d links were mailed in the last ten minutes and are not mailed again.",
        "number",
    )
    report_outcomes(page, request, apply_one_by_one(rsvp_links.mail_link_by_staff, rsvps), done, same)


@admin.action(description=_("Replace a private link that others saw, and mail the new one"), permissions=["link"])
def replace_rsvp_links(page, request, rsvps):
    done = ngettext_lazy("%(number)d link was replaced.", "%(number)d links were replaced.", "number")
    report_outcomes(page, request, apply_one_by_one(rsvp_links.replace_rsvp_link, rsvps), done)


@admin.action(description=_("They came: all who hold a seat"), permissions=["change"])
def check_in_parties(page, request, rsvps):
    done = ngettext_lazy("%(number)d party came.", "%(number)d parties came.", "number")
    report_outcomes(page, request, apply_one_by_one(attendance.check_in_party, rsvps), done)


@admin.action(description=_("They did not come"), permissions=["change"])
def mark_no_shows(page, request, rsvps):
    done = ngettext_lazy(
        "%(number)d party is noted as not come.", "%(number)d parties are noted as not come.", "number"
    )
    report_outcomes(page, request, apply_one_by_one(attendance.mark_no_show, rsvps), done)


def apply_one_by_one(action: Callable[[Rsvp], object], rsvps: Iterable[Rsvp]) -> Iterable[tuple[Rsvp, Outcome]]:
    """Like seats.apply_to_many, for actions that free no seats."""
    for rsvp in rsvps:
        try:
            outcome = action(rsvp) is not False
        except (RuleViolation, Rsvp.DoesNotExist) as error:
            outcome = error
        yield rsvp, outcome


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
