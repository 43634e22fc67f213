"""The guests on an RSVP's page. Others may add or remove guests while the page is open: what staff typed is matched to
the party as it is now, and messages say what changed."""

import json

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imagine.core.admin.concurrent_edit import ConcurrentEditForm, as_text, parse_shown
from summit.models import Guest, Rsvp

PREFIX = "guests"
FIELDS = ("name", "dietary_needs", "accessibility_needs")


class GuestAdminForm(ConcurrentEditForm):
    """One guest. The event's lock, taken by the page, keeps the party as it is."""

    class Meta:
        model = Guest
        fields = FIELDS

    def locked_row(self) -> Guest:
        return Guest.objects.get(pk=self.instance.pk)


class CheckInForm(GuestAdminForm):
    """One guest from the day of the event on, with a checkbox for check-in."""

    came = forms.BooleanField(required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["came"].initial = self.instance.checked_in_at is not None
        self.fields["came"].label = capfirst(_("attended"))

    def value(self, row: Guest, name: str):
        return row.checked_in_at is not None if name == "came" else super().value(row, name)

    def state(self, row: Guest) -> dict[str, str]:
        return super().state(row) | {"came": as_text(self.value(row, "came"))}


def submitted_rows(data: QueryDict) -> dict[str, dict[str, str]]:
    """Return the submitted guest rows by the guest's primary key, as text."""
    number = data.get(f"{PREFIX}-TOTAL_FORMS", "")
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        return {}
    rows = [
        {name: data.get(f"{PREFIX}-{row}-{name}", "") for name in ("id", *FIELDS, "came", "shown")}
        for row in range(int(number))
    ]
    return {row["id"]: row for row in rows}


def fit_to_party(data: QueryDict, guests: list[Guest]) -> QueryDict:
    """Return the submitted data with one row for each guest of the party as it is now, in their order. Rows of removed
    guests are dropped; `party_changes` reports what was typed in them."""
    rows = submitted_rows(data)
    if not rows or list(rows) == [str(guest.pk) for guest in guests]:
        return data
    data = data.copy()
    for key in [key for key in data if key.startswith(f"{PREFIX}-")]:
        if key.removeprefix(f"{PREFIX}-")[0].isdigit():
            del data[key]
    data[f"{PREFIX}-TOTAL_FORMS"] = data[f"{PREFIX}-INITIAL_FORMS"] = str(len(guests))
    for place, guest in enumerate(guests):
        row = rows.get(str(guest.pk)) or unchanged_row(guest)
        data.update({f"{PREFIX}-{place}-{name}": value for name, value in row.items()})
        data[f"{PREFIX}-{place}-rsvp"] = str(guest.rsvp_id)
    return data


def unchanged_row(guest: Guest) -> dict[str, str]:
    """Return a guest's row as an untouched page would submit it."""
    fields, came = {name: getattr(guest, name) for name in FIELDS}, guest.checked_in_at is not None
    shown = json.dumps(fields | {"came": as_text(came)})
    return {"id": str(guest.pk), **fields, "came": "on" if came else "", "shown": shown}


def party_changes(data: QueryDict, rsvp: Rsvp) -> list[str]:
    """Return sentences about what others did to a party since the page that sent `data` was opened."""
    rows, guests = submitted_rows(data), list(rsvp.guests.order_by("position"))
    current_pks = {str(guest.pk) for guest in guests}
    messages = [_("Someone else changed this party while you were editing. Your changes aren’t saved yet.")]
    messages.append(seats_message(rsvp))
    for key, row in rows.items():
        if key and key not in current_pks:
            messages += removed_guest_messages(row)
    for guest in guests:
        if rows and str(guest.pk) not in rows:
            name = guest.name or _("Guest %(position)d (no name yet)") % {"position": guest.position}
            messages.append(_("Added to the party: %(name)s.") % {"name": name})
    return [*messages, _("Review the changes, then save again.")]


def seats_message(rsvp: Rsvp) -> str:
    if rsvp.canceled_at:
        return _("The RSVP is now canceled.")
    message = ngettext(
        "The party now has %(held)d confirmed seat and %(waiting)d on the waitlist.",
        "The party now has %(held)d confirmed seats and %(waiting)d on the waitlist.",
        rsvp.held_seats,
    )
    return message % {"held": rsvp.held_seats, "waiting": rsvp.waitlisted_seats}


def removed_guest_messages(row: dict[str, str]) -> list[str]:
    """Return sentences about a removed guest and what was typed for them."""
    shown = parse_shown(row["shown"])
    name = shown.get("name") or row["name"] or _("an unnamed guest")
    messages = [_("Removed from the party: %(name)s.") % {"name": name}]
    typed = [row[field] for field in FIELDS if row[field] and row[field] != shown.get(field, "")]
    return messages + ([_("You had entered for this guest: %(words)s.") % {"words": "; ".join(typed)}] if typed else [])
