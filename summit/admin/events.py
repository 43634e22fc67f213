"""Events in the admin."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db import models
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from imagine.shown import ShownForm
from summit import seats
from summit.models import Event


class DateAndTime(AdminSplitDateTime):
    """Django's two inputs, each with a name of its own for those who do not see which is which."""

    def __init__(self, attrs=None):
        super().__init__(attrs)
        for widget, label in zip(self.widgets, (_("Date"), _("Time")), strict=True):
            widget.attrs["aria-label"] = label


class EventAdminForm(ShownForm):
    class Meta:
        model = Event
        exclude = ("cancelled_at",)

    def locked_row(self) -> Event:
        return seats.lock(self.instance.pk)


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    form = EventAdminForm
    formfield_overrides = {models.DateTimeField: {"widget": DateAndTime}}
    list_display = ("title", "starts_at", "for_year", "held", "free", "waiting", "is_published", "cancelled_at")
    list_filter = ("kind", "school_year", "is_published")
    search_fields = ("title", "venue")
    date_hierarchy = "starts_at"
    prepopulated_fields = {"slug": ("title",)}
    readonly_fields = ("held", "waiting", "free", "cancelled_at")
    actions = ("cancel_events",)
    fieldsets = [
        (
            None,
            {"fields": ("kind", ("title", "title_es"), "slug", "school_year", "is_published", "cancelled_at", "shown")},
        ),
        (_("When and where"), {"fields": (("starts_at", "ends_at"), "venue", "address", "meal")}),
        (
            _("Seats"),
            {"fields": (("capacity", "reserved_seats", "largest_party"), ("held", "free", "waiting"))},
        ),
        (_("When RSVP is open"), {"fields": (("rsvp_opens_at", "rsvp_closes_at"), "promotion_stops_hours")}),
        (_("Text"), {"fields": ("description", "description_es")}),
    ]

    def get_queryset(self, request):
        return super().get_queryset(request).with_seats()

    @admin.display(description=_("school year"), ordering="school_year")
    def for_year(self, event: Event) -> str:
        return event.school_years

    @admin.display(description=_("seats held"))
    def held(self, event: Event) -> int:
        return getattr(event, "held", 0)

    @admin.display(description=_("seats waited for"))
    def waiting(self, event: Event) -> int:
        return getattr(event, "waiting", 0)

    @admin.display(description=_("seats free"))
    def free(self, event: Event) -> int | str:
        if event.capacity is None:
            return "-"
        return event.capacity - event.reserved_seats - getattr(event, "held", 0)

    def save_model(self, request, obj, form, change):
        seats.save_event(obj)
        over = -seats.free_seats(obj)
        if over > 0:
            said = ngettext(
                "The room is over by %(number)d seat. Nobody lost a seat; nobody is called up.",
                "The room is over by %(number)d seats. Nobody lost a seat; nobody is called up.",
                over,
            )
            self.message_user(request, said % {"number": over}, messages.WARNING)

    @admin.action(description=_("Call off the event and tell every guest"), permissions=["change"])
    def cancel_events(self, request, queryset):
        """Asks once, with the number of parties that will be written to."""
        if request.POST.get("sure") != "yes":
            page = {
                **self.admin_site.each_context(request),
                "title": _("Call off the event?"),
                "opts": self.opts,
                "events": [(event, event.rsvps.active().count()) for event in queryset],
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
            }
            return render(request, "admin/summit/event/cancel.html", page)
        for event in queryset:
            try:
                seats.cancel_event(event)
            except seats.Refused as refused:
                self.message_user(request, f"{event}: {refused}", messages.ERROR)
            else:
                self.message_user(request, _("%(event)s was called off.") % {"event": event}, messages.SUCCESS)
        return None
