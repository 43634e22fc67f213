"""Events in the admin."""

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin, Outcome, report_outcomes
from imagine.core.admin.concurrent_edit import conflict_messages
from imagine.core.admin.date_fields import DATE_FIELDS
from imagine.core.errors import RuleViolation
from summit import event_changes, school_year
from summit.admin import event_page, invite_wizard
from summit.admin.capacity import change_capacity, save_with_messages
from summit.admin.event_form import NOTHING_SAVED, EventAdminForm
from summit.admin.event_links import next_spring_url
from summit.admin.event_notices import cancellation_preview, reschedule_preview
from summit.admin.reschedule import render_review, reschedule_event
from summit.admin.rsvp_actions import apply_one_by_one
from summit.calendar import entries as calendar_entries
from summit.models import Event
from summit.views.public import calendar_file, event_preview_context


def cancellation_outcome(event: Event) -> Outcome:
    try:
        return event_changes.cancel_event(event).canceled_at != event.canceled_at
    except (RuleViolation, Event.DoesNotExist) as error:
        return error


@admin.register(Event)
class EventAdmin(ActionsAdmin):
    form = EventAdminForm
    formfield_overrides = DATE_FIELDS
    list_display = (
        *("title", "starts_at", "for_year", "held_seats", "available_seats", "waitlisted_seats"),
        *("is_published", "canceled_at"),
    )
    list_filter = ("kind", "school_year", "is_published")
    search_fields = ("title", "venue")
    date_hierarchy = "starts_at"
    prepopulated_fields = {"slug": ("title",)}
    readonly_fields = ("held_seats", "waitlisted_seats", "available_seats", "canceled_at", "history")
    actions = ("publish_events", "cancel_events")
    fieldsets = [
        (
            None,
            {
                "fields": (
                    *("kind", ("title", "title_es"), "slug", "school_year"),
                    *("is_published", "invitation_only", "canceled_at", "shown"),
                )
            },
        ),
        (_("When and where"), {"fields": (("starts_at", "ends_at"), "venue", "address", "meal")}),
        (
            _("Seats"),
            {
                "fields": (
                    ("capacity", "reserved_seats", "max_party_size"),
                    ("held_seats", "available_seats", "waitlisted_seats"),
                )
            },
        ),
        (_("RSVP dates"), {"fields": (("rsvp_opens_at", "rsvp_closes_at"), "waitlist_closes_hours_before")}),
        (_("Description"), {"fields": ("description", "description_es")}),
        (_("Change history"), {"fields": ("history",)}),
    ]

    def view_on_site(self, event: Event) -> str | None:
        """Return the event's page. Django's own redirect is disabled because it would also lead to personal links."""
        return event.get_absolute_url() if event.is_published else None

    def get_queryset(self, request):
        return super().get_queryset(request).with_seats()

    @admin.display(description=_("change history"))
    def history(self, event: Event) -> str:
        return audit.history_table(event)

    # Event page ------------------------------------------------------------------------------------------------

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        form = context["adminform"].form
        if notes := [NOTHING_SAVED] if form.is_bound and form.comes_back else conflict_messages([form]):
            context |= {"errors": [], "notes": notes}
        if obj and obj.pk:
            stored = self.get_queryset(request).get(pk=obj.pk)  # without unsaved changes
            tab = "settings" if form.is_bound else request.GET.get("tab", "")
            context |= self.page_actions(request, stored) | event_page.tabs_context(stored, request.user, tab)
        context |= {"show_save_and_continue": False, "show_save_and_add_another": False}
        context["copied"] = add and self.copied(request)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Ask for confirmation if saving would email people. Nothing is saved before the answer."""
        if request.method == "POST" and not {"_sure", "_back"} & set(request.POST):
            with transaction.atomic():  # the form reads the row under its lock
                if question := self.question(request, object_id):
                    return question
        return super().change_view(request, object_id, form_url, extra_context)

    def question(self, request, object_id):
        """Return the confirmation page, or None if no one would be notified."""
        event = self.get_object(request, unquote(object_id))
        if event is None or not self.has_change_permission(request, event):
            return None
        form = self.get_form(request, event, change=True)(request.POST, instance=event)
        if not form.is_valid():
            return None
        before = Event.objects.get(pk=event.pk)
        if not event_changes.notifies_guests(before, event):
            return None
        preview = reschedule_preview(before, event)
        return render_review(self, request, preview) if preview["emails"] else None

    def page_actions(self, request, event: Event) -> dict:
        """Return what the buttons above the form do: URLs, "" for those not shown, and whether the user may publish or
        cancel the event."""
        may_change = self.has_change_permission(request, event)
        guests = f"{reverse('admin:guests_xlsx')}?event__id__exact={event.pk}"
        email_guests = f"{reverse('admin:summit_staffemail_add')}?event={event.pk}"
        phone_rsvp = f"{reverse('admin:summit_rsvp_add')}?event={event.pk}"
        may_add_rsvp = event.is_published and event.is_editable and request.user.has_perm("summit.add_rsvp")
        return {
            "preview": "" if event.is_published else reverse("admin:summit_event_preview", args=[event.pk]),
            "may_publish": may_change and not event.is_published,
            "reschedule": reverse("admin:summit_event_reschedule", args=[event.pk])
            if may_change and event.is_editable
            else "",
            "may_cancel": may_change and event.is_editable,
            "invite": self.invite(request, event),
            "email_guests": email_guests if request.user.has_perm("summit.add_staffemail") else "",
            "phone_rsvp": phone_rsvp if may_add_rsvp else "",
            "guest_list": guests if request.user.has_perm("summit.view_rsvp") else "",
            "next_spring": self.next_spring(request, event),
        }

    def get_urls(self):
        preview = self.admin_site.admin_view(require_safe(self.preview))
        both = require_http_methods(["GET", "HEAD", "POST"])
        capacity = self.admin_site.admin_view(both(self.change_capacity))
        reschedule = self.admin_site.admin_view(both(self.reschedule))
        calendar = self.admin_site.admin_view(require_safe(self.preview_calendar))
        own = [
            path("<int:pk>/preview/", preview, name="summit_event_preview"),
            path("<int:pk>/preview/calendar.ics", calendar, name="summit_event_preview_calendar"),
            path("<int:pk>/capacity/", capacity, name="summit_event_capacity"),
            path("<int:pk>/reschedule/", reschedule, name="summit_event_reschedule"),
        ]
        return [*own, *invite_wizard.invite_urls(self), *super().get_urls()]

    def change_capacity(self, request, pk):
        return change_capacity(self, request, pk)

    def reschedule(self, request, pk):
        return reschedule_event(self, request, pk)

    def preview(self, request, pk):
        """Show the public page of an event that isn't published yet."""
        event = self.previewed(request, pk)
        if event.is_published:
            return redirect(event)
        event.is_published = True  # not saved, so that the page shows what it will show once published
        calendar_url = reverse("admin:summit_event_preview_calendar", args=[event.pk])
        page = event_preview_context(event) | {"is_preview": True, "calendar_url": calendar_url}
        return render(request, "summit/preview.html", page)

    def preview_calendar(self, request, pk):
        """Return the calendar file that an unpublished event's page will offer."""
        event = self.previewed(request, pk)
        return calendar_file(calendar_entries.for_event(event), event.slug)

    def previewed(self, request, pk) -> Event:
        event = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_view_permission(request, event):
            raise PermissionDenied
        return event

    def invite(self, request, event: Event) -> str:
        """Return the URL of the invite page, or "" if the user may not open it."""
        return (
            reverse("admin:summit_event_invite", args=[event.pk])
            if invite_wizard.may_view_recipients(request.user)
            else ""
        )

    # Copy to next spring ---------------------------------------------------------------------------------------

    def next_spring(self, request, event: Event | None) -> str:
        """Return the URL of the form that copies a summit, or "" if the user may not add one."""
        if not event or event.kind != Event.Kind.SUMMIT or not self.has_add_permission(request):
            return ""
        return next_spring_url(event)

    def copied(self, request) -> Event | None:
        """Return the event that the form's URL asks to copy."""
        number = request.GET.get("copied", "")
        if not (number.isascii() and number.isdigit() and len(number) < 10 and self.has_view_permission(request)):
            return None
        return Event.objects.filter(pk=number).first()

    def get_changeform_initial_data(self, request):
        copied = self.copied(request)
        return school_year.next_spring(copied) if copied else super().get_changeform_initial_data(request)

    def changelist_view(self, request, extra_context=None):
        latest = Event.objects.filter(kind=Event.Kind.SUMMIT).order_by("-starts_at").first()
        context = {"next_spring": self.next_spring(request, latest)}
        return super().changelist_view(request, context | (extra_context or {}))

    # Event list ------------------------------------------------------------------------------------------------

    @admin.display(description=_("school year"), ordering="school_year")
    def for_year(self, event: Event) -> str:
        return event.school_years

    @admin.display(description=_("confirmed seats"))
    def held_seats(self, event: Event) -> int:
        return getattr(event, "held_seats", 0)

    @admin.display(description=_("waitlisted seats"))
    def waitlisted_seats(self, event: Event) -> int:
        return getattr(event, "waitlisted_seats", 0)

    @admin.display(description=_("available seats"))
    def available_seats(self, event: Event) -> int | str:
        if event.capacity is None:
            return "-"
        return event.capacity - event.reserved_seats - getattr(event, "held_seats", 0)

    def save_model(self, request, obj, form, change):
        if change:
            save_with_messages(self, request, obj)
        else:
            event_changes.save_event(obj)

    def response_post_save_add(self, request, obj):
        return redirect("admin:summit_event_change", obj.pk)

    response_post_save_change = response_post_save_add

    @admin.action(description=_("Publish event"), permissions=["change"])
    def publish_events(self, request, queryset):
        outcomes = list(apply_one_by_one(event_changes.publish_event, queryset))
        done = ngettext_lazy("%(number)d event published.", "%(number)d events published.", "number")
        same = ngettext_lazy(
            "%(number)d event was already published.", "%(number)d events were already published.", "number"
        )
        report_outcomes(self, request, outcomes, done, same)
        if len(outcomes) == 1:
            return redirect("admin:summit_event_change", outcomes[0][0].pk)
        return None

    @admin.action(description=_("Cancel event and notify guests"), permissions=["change"])
    def cancel_events(self, request, queryset):
        """Ask once, with the number of parties and invited people who will be notified and the email they get."""
        if request.POST.get("sure") != "yes":
            events = [cancellation_preview(event) for event in queryset]
            page = {
                **self.admin_site.each_context(request),
                "title": ngettext("Cancel this event?", "Cancel these events?", len(events)),
                "opts": self.opts,
                "events": events,
                "can_be": any("refused" not in event for event in events),
                "action_checkbox_name": ACTION_CHECKBOX_NAME,
            }
            return render(request, "admin/summit/event/cancel.html", page)
        done = ngettext_lazy("%(number)d event canceled.", "%(number)d events canceled.", "number")
        same = ngettext_lazy(
            "%(number)d event was already canceled. We won’t email anyone again.",
            "%(number)d events were already canceled. We won’t email anyone again.",
            "number",
        )
        report_outcomes(self, request, [(event, cancellation_outcome(event)) for event in queryset], done, same)
        return None
