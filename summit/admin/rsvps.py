"""RSVPs in the admin: view them, add one for a caller, change them through the rules."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from imagine.core import audit
from imagine.core.admin import questions
from imagine.core.admin.actions import ActionsAdmin
from imagine.core.admin.concurrent_edit import conflict_messages
from imagine.core.admin.exports import file_or_list, redirect_to_list
from imagine.core.admin.inlines import BoundedInline
from imagine.core.admin.lookups import GuardedAdmin
from imagine.core.admin.permissions import may_replace_links
from imagine.core.admin.verification import verification_status, with_verification
from imagine.core.formatting import day, short_date
from imagine.core.spreadsheets.writer import RESPONSES
from imagine.mail.admin.message_links import message_link
from summit import attendance, exports, rsvp_links, seats
from summit.admin import guest_forms as party
from summit.admin import matching, phone_rsvp, rsvp_actions
from summit.admin.phone_rsvp import PhoneRsvpForm
from summit.admin.rsvp_form import RsvpAdminForm
from summit.models import CODE_COUNT, Guest, Rsvp, door_number

VIEW_NEEDS = "summit.view_needs"
PARTY_NEEDS = ("party_dietary_needs", "party_accessibility_needs")
CONTACT_FIELDS = ("name", "phone", "organization_name", "sector", "language", "note", *PARTY_NEEDS)


class StatusFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "status"
    subsets = {
        Rsvp.Status.CONFIRMED: {"held_seats__gt": 0, "waitlisted_seats": 0},
        Rsvp.Status.PARTIALLY_CONFIRMED: {"held_seats__gt": 0, "waitlisted_seats__gt": 0},
        Rsvp.Status.WAITLISTED: {"held_seats": 0, "waitlisted_seats__gt": 0},
        Rsvp.Status.CANCELED: {"canceled_at__isnull": False},
    }
    canceled_values = {Rsvp.Status.CANCELED, "late"}

    def lookups(self, request, model_admin):
        more = {
            "active": _("Not canceled"),
            "late": _("Canceled late"),
            "skipped": _("Skipped on the waitlist"),
            "unnamed": _("Unnamed guests"),
            "came": _("Attended"),
            "absent": _("No-show"),
        }
        return [*Rsvp.Status.choices, *more.items()]

    def queryset(self, request, queryset):
        unnamed = Guest.objects.filter(position__gt=1, name="", rsvp__canceled_at__isnull=True)
        came = Q(Exists(Guest.objects.filter(rsvp=OuterRef("pk"), checked_in_at__isnull=False)))
        extra = {
            "active": {"canceled_at__isnull": True},
            "late": {"canceled_late": True},
            "skipped": {"skipped_at__isnull": False},
            "unnamed": {"pk__in": unnamed.values("rsvp")},
        }
        if self.value() in {"came", "absent"}:
            over = Q(event__ends_at__lt=timezone.now(), event__canceled_at__isnull=True, held_seats__gt=0)
            return queryset.filter(came if self.value() == "came" else over & ~came)
        return queryset.filter(**(self.subsets | extra).get(self.value(), {}))


class GuestInline(BoundedInline):  # TabularInline has no labels
    model = Guest
    form = party.GuestAdminForm
    fields = (("name", "dietary_needs", "accessibility_needs"), "shown")
    fields_without_needs: tuple = ("name",)
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    @admin.display(description=_("attended"), boolean=True)
    def came(self, guest: Guest) -> bool:
        """Shown to users who may only view."""
        return guest.checked_in_at is not None

    def get_fields(self, request, obj=None):
        return self.fields if request.user.has_perm(VIEW_NEEDS) else self.fields_without_needs

    def has_change_permission(self, request, obj=None):
        """Names and needs are saved together."""
        return request.user.has_perm(VIEW_NEEDS) and super().has_change_permission(request, obj)


class CheckInInline(GuestInline):
    """Shown from the day of the event on."""

    form = party.CheckInForm
    fields = (("came", "name", "dietary_needs", "accessibility_needs"), "shown")
    fields_without_needs = (("came", "name"),)


@admin.register(Rsvp)
class RsvpAdmin(GuardedAdmin, ActionsAdmin):
    secrets = ("token", "browser_token", "browser_hash")
    form = RsvpAdminForm
    view_on_site = False  # it's a personal link
    list_display = ("name", "organization_name", "day", "status", "held_seats", "waitlisted_seats", "address", "made")
    list_filter = (StatusFilter, "event", "sector", "language", "source")
    list_select_related = ("event",)
    search_fields = ("name",)  # see RsvpQuerySet.search()
    search_help_text = _("Search by any guest’s name, email, organization, or check-in code.")
    show_full_result_count = False
    actions = (*rsvp_actions.ACTIONS, "guests_csv", "guests_xlsx")
    state_fields = (
        "matched_organization",
        "status",
        "held_seats",
        "waitlisted_seats",
        "waitlisted_since",
        "skipped_at",
        "overbooked_seats",
        "canceled_at",
        "canceled_late",
        "verification",
        "source",
        "created_at",
        "code",
        "mail",
        "history",
    )
    readonly_fields = state_fields

    def get_list_display(self, request):
        """A list of one event's RSVPs needs no column for the event."""
        columns = super().get_list_display(request)
        return [name for name in columns if name != "day"] if "event__id__exact" in request.GET else columns

    def get_search_results(self, request, queryset, search_term):
        """Also find the code that guests give at check-in, with or without its dash."""
        number = door_number(search_term)
        if number is not None:
            uids = queryset.order_by().values_list("pk", "ics_uid").iterator()
            if found := [pk for pk, uid in uids if uid.int % CODE_COUNT == number]:
                return queryset.filter(pk__in=found), False
        return queryset.search(search_term), False

    def get_form(self, request, obj=None, change=False, **kwargs):
        """Offer everything a caller says on one page."""
        return super().get_form(request, obj, change, **({} if change else {"form": PhoneRsvpForm}) | kwargs)

    def get_fieldsets(self, request, obj=None):
        if obj is None:
            return self.phone_fieldsets(request)
        contact = ("event", "name", "email", "phone", "organization_name", "sector", "language", "shown")
        party = ("note",) if obj.canceled_at else ("size", "accepts_partial", "note")
        if request.user.has_perm(VIEW_NEEDS):
            party = (*party, *PARTY_NEEDS)
        state = (_("Status"), {"fields": self.state_fields})
        return [(None, {"fields": contact}), (_("Party"), {"fields": party}), state]

    def phone_fieldsets(self, request):
        caller = ("name", "email", "phone", "organization_name", "sector", "language", "shown")
        seats = ("event", "size", "accepts_partial", ("over_capacity", "reason"))
        guests = phone_rsvp.phone_guest_rows(with_needs=request.user.has_perm(VIEW_NEEDS))
        return [
            (None, {"fields": seats}),
            (_("Caller"), {"fields": caller}),
            (_("Guests and needs"), {"fields": guests}),
            (None, {"fields": ("note",)}),
        ]

    def get_readonly_fields(self, request, obj=None):
        return (*self.readonly_fields, "event") if obj else self.readonly_fields

    def get_inlines(self, request, obj):
        if obj is None:
            return []
        return [CheckInInline if not obj.canceled_at and attendance.can_check_in(obj.event) else GuestInline]

    def has_link_permission(self, request):
        return may_replace_links(request, "summit.change_rsvp")

    def action_checkbox(self, rsvp: Rsvp) -> str:
        """Name the row's checkbox after the guest."""
        label = _("Select %(name)s") % {"name": rsvp.name or rsvp}
        checkbox = forms.CheckboxInput({"class": "action-select", "aria-label": label}, lambda value: False)
        return checkbox.render(helpers.ACTION_CHECKBOX_NAME, str(rsvp.pk))

    @admin.display(description=_("event"), ordering="event__starts_at")
    def day(self, rsvp: Rsvp) -> str:
        """The date tells events apart in less space than their titles do."""
        return short_date(rsvp.event.starts_at)

    @admin.display(description=_("email"), ordering="email")
    def address(self, rsvp: Rsvp) -> str:
        return with_verification(rsvp.email, rsvp)

    @admin.display(description=_("email address"))
    def verification(self, rsvp: Rsvp) -> str:
        return phone_rsvp.link_button(rsvp) or verification_status(rsvp)

    @admin.display(description=_("created"), ordering="created_at")
    def made(self, rsvp: Rsvp) -> str:
        return day(rsvp.created_at)

    @admin.display(description=_("status"))
    def status(self, rsvp: Rsvp) -> str:
        return Rsvp.Status(rsvp.status).label

    @admin.display(description=_("check-in code"))
    def code(self, rsvp: Rsvp) -> str:
        return rsvp.code

    @admin.display(description=_("partner"))
    def matched_organization(self, rsvp: Rsvp) -> str:
        return matching.organization_status(rsvp)

    @admin.display(description=_("change history"))
    def history(self, rsvp: Rsvp) -> str:
        return audit.history_table(rsvp)

    @admin.display(description=_("emails"))
    def mail(self, rsvp: Rsvp) -> str:
        rows = (
            (message_link(message, message.subject), message.get_state_display(), message.last_error)
            for message in rsvp.messages.defer("body_text", "body_html", "ics")
        )
        lines = format_html_join("", "<li>{}: {} {}</li>", rows)
        return format_html("<ul>{}</ul>", lines) if lines else _("No emails yet.")

    def save_model(self, request, obj, form, change):
        if not change:
            obj.source = Rsvp.Source.STAFF
            override_reason = form.cleaned_data["reason"] if form.cleaned_data["over_capacity"] else ""
            size, guests = form.cleaned_data["size"], form.guests()
            seats.reserve(obj, size=size, guests=guests, by_staff=True, override_reason=override_reason)
            return
        # Save only what was typed: saving the whole row would overwrite seats that others have changed since.
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name in CONTACT_FIELDS}
        if changed:
            seats.update_contact(obj, **changed)
        if "email" in form.changed_data:
            rsvp_links.change_email(obj, form.cleaned_data["email"])

    def response_add(self, request, obj, post_url_continue=None):
        return phone_rsvp.redirect_after_saving(self, request, obj)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Treat an RSVP that is deleted while it is being saved like one that was deleted before."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Rsvp.DoesNotExist:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)

    def render_change_form(self, request, context, *args, **kwargs):
        guests = [form for inline in context["inline_admin_formsets"] for form in inline.formset.forms]
        if notes := conflict_messages([context["adminform"].form, *guests]):
            context |= {"errors": [], "notes": notes}
        return super().render_change_form(request, context, *args, **kwargs)

    def get_formset_kwargs(self, request, obj, inline, prefix):
        """Match the submitted guests to the party as it is now. The event's lock is held from here on."""
        kwargs = super().get_formset_kwargs(request, obj, inline, prefix)
        if "data" in kwargs and obj.pk:
            rsvp = seats.lock_rsvp(obj)
            kwargs["data"] = party.fit_to_party(kwargs["data"], list(rsvp.guests.order_by("position")))
        return kwargs

    def save_formset(self, request, form, formset, change):
        """Save names and needs through the rule, and tell Django's log what changed."""
        may_change = request.user.has_perms([VIEW_NEEDS, "summit.change_guest"])
        changed = [guest for guest in formset.forms if guest.has_changed()] if may_change else []
        details = {guest.instance.pk: {name: guest.cleaned_data[name] for name in party.FIELDS} for guest in changed}
        if details:
            seats.update_guests(form.instance, details, by_staff=True)
        came = {guest.instance.pk: guest.cleaned_data["came"] for guest in changed if "came" in guest.changed_data}
        if came:
            attendance.set_checked_in(form.instance, came)
        formset.new_objects, formset.deleted_objects = [], []
        formset.changed_objects = [(guest.instance, guest.changed_data) for guest in changed]

    def save_related(self, request, form, formsets, change):
        """Save the names before the size of the party, which may remove guests."""
        super().save_related(request, form, formsets, change)
        if not change:
            return
        if "accepts_partial" in form.changed_data:
            seats.set_accepts_partial(form.instance, form.cleaned_data["accepts_partial"])
        if "size" in form.changed_data:
            seats.change_party_size(form.instance, size=form.cleaned_data["size"], by_staff=True)

    def row_label(self, rsvp: Rsvp) -> str:
        seats_label = ngettext("%(number)d seat", "%(number)d seats", rsvp.party_size) % {"number": rsvp.party_size}
        parts = [rsvp.name, rsvp.organization_name, seats_label if rsvp.party_size else "", self.status(rsvp)]
        return ", ".join(str(part) for part in parts if part)

    def row_fingerprint(self, rsvp: Rsvp) -> str:
        """Guests who only open their link in the meantime are the same."""
        fields = ("name", "email", "organization_name", "held_seats", "waitlisted_seats", "canceled_at")
        return questions.shorten(repr([getattr(rsvp, field) for field in fields]))

    def deletion_effects(self, rows, emails):
        return rsvp_actions.waitlist_effects(rows, emails)

    def delete_model(self, request, obj):
        seats.delete_rsvp(obj)

    def delete_queryset(self, request, queryset):
        seats.delete_many(queryset)

    # Export the guest list -------------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view(require_safe(self.guest_list))
        files = [path(f"guests.{kind}", view, {"kind": kind}, name=f"guests_{kind}") for kind in RESPONSES]
        shown = self.admin_site.admin_view(require_POST(self.show_link))
        link = path("<int:pk>/link/", shown, name="summit_rsvp_link")
        return [*files, link, *matching.matching_urls(self), *super().get_urls()]

    def show_link(self, request, pk):
        if not self.has_change_permission(request):
            raise PermissionDenied
        return phone_rsvp.link_page(self, request, pk)

    def guest_list(self, request, kind):
        """Export the guests of every RSVP that matches the list's filters and search, on all its pages."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rsvps = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect("admin:summit_rsvp_changelist")
        return self.guest_file(request, rsvps, kind)

    @admin.action(description=_("Download guest list (CSV)"), permissions=["view"])
    def guests_csv(self, request, queryset):
        return self.guest_file(request, queryset, "csv")

    @admin.action(description=_("Download guest list (Excel)"), permissions=["view"])
    def guests_xlsx(self, request, queryset):
        return self.guest_file(request, queryset, "xlsx")

    def guest_file(self, request, rsvps, kind):
        """Return the file, or go back to the list with a message if it would be empty."""
        include_canceled = request.GET.get(StatusFilter.parameter_name) in StatusFilter.canceled_values
        guests = exports.guests_of(rsvps, include_canceled=include_canceled)
        export = exports.guest_export(guests, with_needs=request.user.has_perm(VIEW_NEEDS))
        if export.row_count:
            return file_or_list(self, request, export, kind)
        message = _("No guests to export. To include canceled RSVPs, filter by “Canceled” or “Canceled late.”")
        self.message_user(request, message, messages.WARNING)
        return redirect_to_list(self, request)
