"""Reschedule an event or move it to another place, in two steps: enter the new date, then review the emails."""

from datetime import date, datetime, time

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from imagine.core.admin.concurrent_edit import ConcurrentEditForm, as_text, conflict_messages
from imagine.core.admin.date_fields import DateField, TimeField
from imagine.core.formatting import district_date, short_date, to_district_time, to_the_minute
from summit import event_changes, seats
from summit.admin.event_notices import reschedule_preview
from summit.models import Event
from summit.school_year import shift_days

SHOWN = ("day", "starts", "ends", "venue", "address")


class RescheduleForm(ConcurrentEditForm):
    """The schedule of an event that takes as many days as before: mostly one."""

    day = DateField(label=_("Date"))
    starts = TimeField(label=_("Starts at"))
    ends = TimeField(label=_("Ends at"))
    moves_closing = forms.BooleanField(
        label=_("Move the RSVP deadline by the same number of days"), required=False, initial=True
    )

    class Meta:
        model = Event
        fields = ("venue", "address")
        widgets = {name: forms.TextInput(attrs={"class": "vTextField"}) for name in ("venue", "address")}

    field_order = (*SHOWN, "moves_closing")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial |= {name: self.value(self.instance, name) for name in ("day", "starts", "ends")}
        self.fields["moves_closing"].help_text = _("Now: %(day)s") % {"day": short_date(self.instance.rsvp_closes_at)}

    def locked_row(self) -> Event:
        return seats.lock_event(self.instance.pk)

    def state(self, row: Event) -> dict[str, str]:
        return {name: as_text(self.value(row, name)) for name in SHOWN}

    def value(self, row: Event, name: str):
        if name == "day":
            return district_date(row.starts_at)
        if name in {"starts", "ends"}:
            moment = row.starts_at if name == "starts" else row.ends_at
            return to_the_minute(to_district_time(moment).time())
        return getattr(row, name)

    def in_words(self, row: Event, name: str) -> str:
        value = self.value(row, name)
        return str(self.fields[name].widget.format_value(value)) if isinstance(value, date | time) else str(value)

    def show(self, name: str, value) -> None:
        self.data[self.add_prefix(name)] = self.fields[name].widget.format_value(value) or ""

    def clean(self):
        cleaned_data = super().clean()
        if not self.errors:
            self.check_schedule(Event.objects.get(pk=self.instance.pk), cleaned_data)
        return cleaned_data

    def check_schedule(self, before: Event, cleaned_data: dict) -> None:
        """Set the new times on the instance, and check what the form doesn't show against them."""
        event, first_day = self.instance, district_date(before.starts_at)
        moved = cleaned_data["day"] - first_day
        last_day = cleaned_data["day"] + (district_date(before.ends_at) - first_day)
        event.starts_at = new_time(before.starts_at, cleaned_data["day"], cleaned_data["starts"])
        event.ends_at = new_time(before.ends_at, last_day, cleaned_data["ends"])
        if cleaned_data["moves_closing"]:
            event.rsvp_closes_at = min(shift_days(before.rsvp_closes_at, moved), event.ends_at)
        if event.ends_at <= event.starts_at:
            self.add_error("ends", _("Choose an end time after the event starts."))
        elif event.ends_at <= timezone.now():
            self.add_error("day", _("Choose a date in the future."))
        elif event.rsvp_closes_at > event.ends_at:
            error = _("RSVPs can’t stay open after the event ends. Check this box to move the deadline, too.")
            self.add_error("moves_closing", error)
        elif event.rsvp_closes_at <= event.rsvp_opens_at:
            error = _("RSVPs would close before they open. Change when they open, under Settings, first.")
            self.add_error("day", error)


def new_time(before: datetime, day: date, clock: time) -> datetime:
    """Return a time of the district's clock, or `before` if it's the same but for seconds."""
    moment = datetime.combine(day, clock, tzinfo=get_default_timezone())
    return before if to_the_minute(before) == moment else moment


@transaction.atomic
def reschedule_event(page: admin.ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form, then the emails that saving sends, then save."""
    event, before = get_object_or_404(Event, pk=pk), get_object_or_404(Event, pk=pk)
    if not page.has_change_permission(request, event):
        raise PermissionDenied
    if not event.is_editable:
        page.message_user(request, _("This event is over or canceled, so you can’t reschedule it."), messages.ERROR)
        return redirect("admin:summit_event_change", pk)
    form = RescheduleForm(request.POST if request.method == "POST" else None, instance=event)
    if form.is_bound and form.is_valid() and "_back" not in request.POST:
        if before.schedule_version == event.schedule_version:
            page.message_user(request, _("No changes to save."))
            return redirect("admin:summit_event_change", pk)
        if "_sure" in request.POST:
            return save_schedule(page, request, before, form)
        return render_review(page, request, reschedule_preview(before, event))
    context = {
        **page.admin_site.each_context(request),
        "title": _("Reschedule event"),
        "opts": page.opts,
        "event": before,
        "form": form,
        "notes": conflict_messages([form]),
    }
    return render(request, "admin/summit/event/reschedule.html", context)


def save_schedule(page: admin.ModelAdmin, request: HttpRequest, before: Event, form: RescheduleForm) -> HttpResponse:
    event = form.instance
    emails = reschedule_preview(before, event)["emails"] if event_changes.notifies_guests(before, event) else 0
    event_changes.save_event(event)
    page.log_change(request, event, page.construct_change_message(request, form, None))
    message = ngettext(
        "Event rescheduled. %(n)s email is on its way.", "Event rescheduled. %(n)s emails are on their way.", emails
    )
    page.message_user(request, message % {"n": emails} if emails else _("Event rescheduled."), messages.SUCCESS)
    return redirect("admin:summit_event_change", event.pk)


def render_review(page: admin.ModelAdmin, request: HttpRequest, preview: dict) -> HttpResponse:
    """Show what would be saved and who would be emailed what, with the submitted form in hidden fields."""
    context = {
        **page.admin_site.each_context(request),
        "title": _("Save changes and notify guests?"),
        "opts": page.opts,
        "submitted": [(name, value) for name, values in request.POST.lists() for value in values],
        **preview,
    }
    return render(request, "admin/summit/event/review_reschedule.html", context)
