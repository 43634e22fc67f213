"""The form of a phone RSVP: one page with the event and its available seats, the caller, and everyone in the party."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.permissions import current_user_may
from imagine.core.formatting import short_date
from imagine.core.forms import NameField
from imagine.core.security_events import record_event
from summit.admin.rsvp_form import RsvpAdminForm
from summit.forms import GUEST_FIELDS, companion_fields
from summit.models import MAX_PARTY_SIZE, Event, Guest, Rsvp
from summit.security_events import SummitEventKind

NEEDS = ("dietary_needs", "accessibility_needs")
PARTY_NEEDS = ("party_dietary_needs", "party_accessibility_needs")
NO_EVENT = _("No published event is coming up, so there’s nothing to RSVP for.")


def seats_label(event: Event) -> str:
    available = event.capacity - event.reserved_seats - event.held_seats
    if available <= 0:
        return gettext("Full: joins the waitlist")
    text = ngettext("%(number)s seat available", "%(number)s seats available", available)
    return text % {"number": f"{available:,}"}


class SeatsSelect(forms.Select):
    """Tells the script of the page how many seats each event has available."""

    def create_option(self, name, value, *args, **kwargs):
        option = super().create_option(name, value, *args, **kwargs)
        if event := getattr(value, "instance", None):
            option["attrs"]["data-seats"] = seats_label(event)
        return option


class EventField(forms.ModelChoiceField):
    """A coming, published event, with its available seats."""

    widget = SeatsSelect
    default_error_messages = {
        "required": _("Choose an event."),
        "invalid_choice": _("Choose a published event that isn’t over or canceled."),
    }

    def __init__(self, **kwargs):
        super().__init__(Event.objects.none(), label=_("Event"), **kwargs)

    def label_from_instance(self, event: Event) -> str:
        return f"{event.localized_title}, {short_date(event.starts_at)} ({seats_label(event)})"


def events_for_callers():
    coming = Event.objects.filter(is_published=True, canceled_at=None, ends_at__gt=timezone.now())
    return coming.with_seats().order_by("starts_at", "pk")


def guest_fields(number: int) -> dict[str, NameField]:
    """Return the fields of one guest besides the caller, as the public form has them."""
    fields = companion_fields(number)
    for field in fields.values():
        field.widget.attrs["class"] = "vTextField"
    return fields


class CallerForm(RsvpAdminForm):
    event = EventField()
    dietary_needs = NameField(label=_("Food needs"), max_length=200, required=False)
    accessibility_needs = NameField(label=_("Access or language needs"), max_length=200, required=False)

    class Media:
        js = (Script("js/phone-rsvp.js", defer=True),)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        events = self.fields["event"].queryset = events_for_callers()
        known = list(events[:2])
        if len(known) == 1:
            self.initial.setdefault("event", known[0].pk)
        if not known:
            self.fields["event"].help_text = NO_EVENT
        self.fields["size"].initial = 1
        self.fields["size"].help_text = self.seats_of_initial(events) or _("Choose the event to see its seats.")
        for name in NEEDS:
            if name in self.fields:
                self.fields[name].widget.attrs["class"] = "vTextField"

    def seats_of_initial(self, events) -> str:
        chosen = str(self["event"].value() or "")
        event = events.filter(pk=chosen).first() if chosen.isdecimal() and len(chosen) < 10 else None
        return seats_label(event) if event else ""

    def clean(self):
        cleaned_data = super().clean()
        last = max((number for number in range(2, MAX_PARTY_SIZE + 1) if self.is_described(number)), default=1)
        if last > cleaned_data.get("size", MAX_PARTY_SIZE):
            message = _("You filled in guest %(number)d. Enter at least %(number)d seats, or clear that row.")
            self.add_error("size", message % {"number": last})
        return cleaned_data

    def is_described(self, number: int) -> bool:
        return any(self.cleaned_data.get(name) for name in guest_fields(number))

    def guests(self) -> list[Guest]:
        """Return the unsaved guests, the caller first."""
        caller = {name: self.cleaned_data.get(name, "") for name in NEEDS}
        party = [Guest(name=self.cleaned_data["name"], **caller)]
        for number in range(2, self.cleaned_data["size"] + 1):
            values = (self.cleaned_data.get(name, "") for name in guest_fields(number))
            party.append(Guest(**dict(zip(GUEST_FIELDS, values, strict=True))))
        return party


# Declared on the class, because Django's admin makes its form from the names in fieldsets.
PhoneRsvpForm = type(
    "PhoneRsvpForm",
    (CallerForm,),
    {name: field for number in range(2, MAX_PARTY_SIZE + 1) for name, field in guest_fields(number).items()},
)


def phone_guest_rows(*, with_needs: bool) -> list[tuple[str, ...]]:
    """Return the rows of the form's fieldset about guests."""
    rows = [tuple(guest_fields(number)) for number in range(2, MAX_PARTY_SIZE + 1)]
    return [NEEDS, *rows, PARTY_NEEDS] if with_needs else [row[:1] for row in rows]


# After saving ----------------------------------------------------------------------------------------------------


def redirect_after_saving(page, request: HttpRequest, rsvp: Rsvp) -> HttpResponse:
    """Say what happened to a new phone RSVP, and show it, or the empty form for the next caller."""
    another = f"{reverse('admin:summit_rsvp_add')}?{QueryDict(f'event={rsvp.event_id}').urlencode()}"
    level = messages.WARNING if rsvp.waitlisted_seats else messages.SUCCESS
    page.message_user(request, saved_seats(rsvp), level)
    next_steps = format_html(
        '{} <a href="{}">{}</a> · <a href="{}">{}</a>',
        saved_email(rsvp),
        another,
        gettext("Add another phone RSVP"),
        reverse("admin:summit_event_change", args=[rsvp.event_id]),
        gettext("Go to the event"),
    )
    page.message_user(request, next_steps, messages.INFO)
    return redirect(another) if "_addanother" in request.POST else redirect("admin:summit_rsvp_change", rsvp.pk)


def saved_seats(rsvp: Rsvp) -> str:
    numbers = {"name": rsvp.name, "held": rsvp.held_seats, "waiting": rsvp.waitlisted_seats}
    if rsvp.waitlisted_seats:
        text = _("Not enough seats are available. %(name)s: %(held)d confirmed, %(waiting)d waitlisted.")
        return text % numbers
    text = ngettext("%(name)s has %(held)d confirmed seat.", "%(name)s has %(held)d confirmed seats.", rsvp.held_seats)
    return text % numbers


def saved_email(rsvp: Rsvp) -> str:
    if not rsvp.email:
        return gettext("There’s no email address, so we won’t email anyone. You can print the personal link from here.")
    return gettext("We’re emailing the details and a personal link to %(email)s.") % {"email": rsvp.email}


# The link of an RSVP without an email address -------------------------------------------------------------------


def link_button(rsvp: Rsvp) -> str:
    """Return a button to show the link of an RSVP that we can't email, for those who may change it."""
    if rsvp.email or rsvp.anonymized_at or not current_user_may("summit.change_rsvp"):
        return ""
    return render_to_string("admin/summit/rsvp/link_button.html", {"rsvp": rsvp})


def link_page(page, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the link of an RSVP without an email address, to print or read out. Any other link is only emailed."""
    rsvp = get_object_or_404(Rsvp.objects.personal().select_related("event"), pk=pk, email="")
    record_event(SummitEventKind.LINK_SHOWN, rsvp)
    context = {
        **page.admin_site.each_context(request),
        "title": gettext("Personal link"),
        "opts": page.opts,
        "rsvp": rsvp,
        "event": rsvp.event,
        "link": settings.SITE_URL + rsvp.get_absolute_url(),
    }
    return render(request, "admin/summit/rsvp/link.html", context)
