"""Admin actions on RSVPs. Each asks first, goes through the rules, and reports the outcome per RSVP."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from imagine.core.admin.actions import Outcome, row_action
from imagine.core.admin.questions import Effect
from imagine.core.audit import MAX_LENGTH_REASON
from imagine.core.errors import RuleViolation
from partners.admin.components import LINKS_SENT, LINKS_SENT_RECENTLY
from summit import attendance, rsvp_links, seats
from summit.emails.kinds import SummitEmailKind
from summit.models import Rsvp

REHEARSED = "–"  # the reason before staff have entered one


def waitlist_effects(rows: Sequence[Model], emails: Sequence[Model]) -> list[Effect]:
    """Say who moves off the waitlist, among those who weren't selected."""
    selected = {row.pk for row in rows}
    promoted = [mail for mail in emails if mail.kind == SummitEmailKind.RSVP_PROMOTED]
    parties = Rsvp.objects.in_bulk({mail.object_id for mail in promoted} - selected)
    names = [parties[mail.object_id].name for mail in promoted if mail.object_id in parties]
    if not names:
        return []
    sentence = ngettext(
        "%(number)d party moves off the waitlist and gets seats:",
        "%(number)d parties move off the waitlist and get seats:",
        len(names),
    )
    return [Effect(sentence % {"number": len(names)}, names)]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason for going over capacity"),
        max_length=MAX_LENGTH_REASON,
        help_text=_("We save it in the change history."),
        error_messages={"required": _("Enter a reason.")},
        widget=forms.TextInput({"class": "vTextField"}),
    )


@row_action(
    _("Cancel RSVPs"),
    permissions=["change"],
    button=ngettext_lazy("Cancel %(number)d RSVP", "Cancel %(number)d RSVPs", "number"),
    done=ngettext_lazy("%(number)d RSVP canceled.", "%(number)d RSVPs canceled.", "number"),
    undo=_("You can restore a canceled RSVP later, but if the event is full, it goes to the end of the waitlist."),
    effects=waitlist_effects,
    is_dangerous=True,
)
def cancel_rsvps(page, request, rsvps):
    return seats.apply_to_many(seats.cancel, rsvps.order_by("pk"))


@row_action(
    _("Restore canceled RSVPs"),
    permissions=["change"],
    button=ngettext_lazy("Restore %(number)d RSVP", "Restore %(number)d RSVPs", "number"),
    done=ngettext_lazy("%(number)d RSVP restored.", "%(number)d RSVPs restored.", "number"),
    undo=_("You can cancel these RSVPs again later."),
)
def reinstate_rsvps(page, request, rsvps):
    return seats.apply_to_many(seats.reinstate, rsvps.order_by("pk"), by_staff=True)


SEATED_UNDO = _("You can move these parties back to the waitlist later, but they’ll be at its end.")


@row_action(
    _("Confirm waitlisted seats"),
    permissions=["change"],
    button=ngettext_lazy("Confirm seats for %(number)d RSVP", "Confirm seats for %(number)d RSVPs", "number"),
    done=ngettext_lazy("Seats confirmed for %(number)d RSVP.", "Seats confirmed for %(number)d RSVPs.", "number"),
    undo=SEATED_UNDO,
)
def promote_rsvps(page, request, rsvps):
    return seats.apply_to_many(seats.promote_by_staff, rsvps.order_by("waitlisted_since", "pk"))


@row_action(
    _("Confirm seats over capacity"),
    permissions=["change"],
    button=ngettext_lazy(
        "Confirm seats over capacity for %(number)d RSVP", "Confirm seats over capacity for %(number)d RSVPs", "number"
    ),
    done=ngettext_lazy("Seats confirmed for %(number)d RSVP.", "Seats confirmed for %(number)d RSVPs.", "number"),
    undo=SEATED_UNDO,
    form=ReasonForm,
)
def promote_over_capacity(page, request, rsvps, reason=REHEARSED):
    rsvps = rsvps.order_by("waitlisted_since", "pk")
    return seats.apply_to_many(seats.promote_by_staff, rsvps, override_reason=reason)


@row_action(
    _("Move to the end of the waitlist"),
    permissions=["change"],
    button=ngettext_lazy("Move %(number)d RSVP to the waitlist", "Move %(number)d RSVPs to the waitlist", "number"),
    done=ngettext_lazy("%(number)d RSVP moved to the waitlist.", "%(number)d RSVPs moved to the waitlist.", "number"),
    undo=_("You can confirm their seats again later, as long as seats are available."),
    effects=waitlist_effects,
    is_dangerous=True,
)
def move_rsvps_to_waitlist(page, request, rsvps):
    return seats.apply_to_many(seats.move_to_waitlist, rsvps.order_by("pk"))


@row_action(
    _("Email personal link again"),
    permissions=["change"],
    button=ngettext_lazy("Email %(number)d personal link", "Email %(number)d personal links", "number"),
    done=LINKS_SENT,
    same=LINKS_SENT_RECENTLY,
    undo=_("Nothing else changes."),
)
def resend_links(page, request, rsvps):
    return apply_one_by_one(rsvp_links.mail_link_by_staff, rsvps)


@row_action(
    _("Replace personal link and email the new one"),
    permissions=["link"],
    button=ngettext_lazy("Replace %(number)d personal link", "Replace %(number)d personal links", "number"),
    done=ngettext_lazy("%(number)d personal link replaced.", "%(number)d personal links replaced.", "number"),
    undo=_("The old links stop working right away. You can’t undo this."),
    is_dangerous=True,
)
def replace_rsvp_links(page, request, rsvps):
    return apply_one_by_one(rsvp_links.replace_rsvp_link, rsvps)


@row_action(
    _("Mark as attended"),
    permissions=["change"],
    button=ngettext_lazy("Mark %(number)d party as attended", "Mark %(number)d parties as attended", "number"),
    done=ngettext_lazy("%(number)d party marked as attended.", "%(number)d parties marked as attended.", "number"),
    undo=_("You can mark them as no-shows later."),
)
def check_in_parties(page, request, rsvps):
    return apply_one_by_one(attendance.check_in_party, rsvps)


@row_action(
    _("Mark as no-show"),
    permissions=["change"],
    button=ngettext_lazy("Mark %(number)d party as a no-show", "Mark %(number)d parties as no-shows", "number"),
    done=ngettext_lazy("%(number)d party marked as a no-show.", "%(number)d parties marked as no-shows.", "number"),
    undo=_("You can mark them as attended later."),
)
def mark_no_shows(page, request, rsvps):
    return apply_one_by_one(attendance.mark_no_show, rsvps)


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
