"""The admin of promise types, schools and school years."""

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, pgettext

from imagine.core import audit
from imagine.core.admin.actions import ActionsAdmin, report_outcomes, row_action
from imagine.core.admin.concurrent_edit import ConcurrentEditForm
from imagine.core.admin.date_fields import DATE_FIELDS
from partners import checklist
from partners.admin import renewal
from partners.admin.components import outcome_of
from partners.models import PledgeYear, PromiseType, School
from partners.pledges import years as pledge_years


class RowForm(ConcurrentEditForm):
    def locked_row(self) -> checklist.Row:
        return checklist.lock_row(self.instance)


class RowAdmin(ActionsAdmin):
    """Base of models that partners.checklist writes and whose pages show the change history."""

    form = RowForm
    readonly_fields = ("history",)
    parts = []  # the fieldsets without the change history

    def get_fieldsets(self, request, obj=None):
        return [*self.parts, (_("Change history"), {"fields": ["history", "shown"]})] if obj else self.parts

    @admin.display(description=_("change history"))
    def history(self, row: checklist.Row) -> str:
        return audit.history_table(row)

    def save_model(self, request, obj, form, change):
        if change:
            checklist.change_row(obj, **{name: form.cleaned_data[name] for name in form.changed_data})
        else:
            checklist.add_row(obj)

    def delete_model(self, request, obj):
        checklist.delete_row(obj)

    def delete_queryset(self, request, queryset):
        for row in queryset:
            checklist.delete_row(row)


# Promise types and schools ---------------------------------------------------------------------------------------


@row_action(
    _("Retire selected %(verbose_name_plural)s"),
    permissions=["change"],
    button=_("Retire %(number)d %(items)s"),
    done=ngettext_lazy(
        "%(number)d retired. Partners can’t choose it anymore.",
        "%(number)d retired. Partners can’t choose them anymore.",
        "number",
    ),
    undo=_("Promises made already stay. You can offer it to partners again later."),
)
def retire_rows(page, request, rows):
    return [(row, outcome_of(checklist.retire, row, "is_retired")) for row in rows]


@row_action(
    _("Offer selected %(verbose_name_plural)s again"),
    permissions=["change"],
    button=_("Offer %(number)d %(items)s again"),
    done=ngettext_lazy(
        "%(number)d restored. Partners can choose it again.",
        "%(number)d restored. Partners can choose them again.",
        "number",
    ),
    undo=_("You can retire it again later."),
)
def unretire_rows(page, request, rows):
    return [(row, outcome_of(checklist.unretire, row, "is_retired")) for row in rows]


@admin.register(PromiseType)
class PromiseTypeAdmin(RowAdmin):
    """A promise type that is in use can only be retired."""

    list_display = ("name", "order", "unit_plural", "clearance", "work_based_learning", "promised", "offered")
    list_filter = ("is_retired", "needs_clearance", "work_based_learning")
    search_fields = ("name", "name_es", "code")
    prepopulated_fields = {"code": ("name",)}
    actions = (retire_rows, unretire_rows)
    parts = [
        (None, {"fields": ["code", "order", "is_retired"]}),
        (
            _("Text"),
            {
                "fields": [
                    *("name", "name_es", "tagline", "tagline_es"),
                    *(("unit", "unit_plural"), ("unit_es", "unit_plural_es"), "example", "example_es"),
                ]
            },
        ),
        (
            _("Requirements"),
            {
                "fields": [
                    ("needs_clearance", "needs_insurance"),
                    ("requirements", "requirements_es"),
                    "work_based_learning",
                ]
            },
        ),
    ]

    def get_queryset(self, request):
        signed = Q(promises__pledge__signed_at__isnull=False)
        return super().get_queryset(request).annotate(promise_count=Count("promises", filter=signed))

    def get_readonly_fields(self, request, obj=None):
        """Make the code read-only, because signed versions and illustrations refer to it."""
        return (*self.readonly_fields, "code") if obj else self.readonly_fields

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else self.prepopulated_fields

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Use wider fields for sentences."""
        if getattr(db_field, "max_length", None) and db_field.max_length > 100:
            kwargs["widget"] = AdminTextInputWidget(attrs={"class": "vLargeTextField"})
            if db_field.get_internal_type() == "TextField":
                kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description=_("volunteer clearance"), ordering="needs_clearance")
    def clearance(self, promise_type: PromiseType) -> str:
        return pgettext("clearance", "Required") if promise_type.needs_clearance else ""

    @admin.display(description=_("signed promises"), ordering="promise_count")
    def promised(self, promise_type: PromiseType) -> int:
        return promise_type.promise_count

    @admin.display(description=_("offered"), ordering="is_retired", boolean=True)
    def offered(self, promise_type: PromiseType) -> bool:
        return not promise_type.is_retired


@admin.register(School)
class SchoolAdmin(RowAdmin):
    """The command load_schools adds and changes schools; staff can retire them and bring them back."""

    list_display = ("name", "level", "is_charter", "code", "offered")
    list_filter = ("level", "is_charter", "is_retired")
    search_fields = ("name", "code")
    list_per_page = 200
    actions = (retire_rows, unretire_rows)
    readonly_fields = ("code", "name", "level", "is_charter", "history")
    parts = [(None, {"fields": ["name", "code", "level", "is_charter", "is_retired"]})]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description=_("offered"), ordering="is_retired", boolean=True)
    def offered(self, school: School) -> bool:
        return not school.is_retired


# School years ----------------------------------------------------------------------------------------------------


@row_action(
    _("Open selected school years now"),
    permissions=["change"],
    button=ngettext_lazy("Open %(number)d school year", "Open %(number)d school years", "number"),
    done=ngettext_lazy("%(number)d school year opened.", "%(number)d school years opened.", "number"),
    undo=_("Partners can make promises for it right away. To stop that, close it."),
)
def open_years(page, request, years):
    return [(year, outcome_of(checklist.open_year, year, "opens_on")) for year in years]


@row_action(
    _("Close selected school years"),
    permissions=["change"],
    button=ngettext_lazy("Close %(number)d school year", "Close %(number)d school years", "number"),
    done=ngettext_lazy(
        "%(number)d school year closed. Its pledges can’t be changed or signed anymore.",
        "%(number)d school years closed. Their pledges can’t be changed or signed anymore.",
        "number",
    ),
    undo=_("Partners can’t change or sign pledges of a closed year. You can reopen it later."),
    is_dangerous=True,
)
def close_years(page, request, years):
    return [(year, outcome_of(pledge_years.close_year, year, "closed_at")) for year in years]


YEARS_REOPENED = ngettext_lazy("%(number)d school year reopened.", "%(number)d school years reopened.", "number")


def report_reopened(page, request, outcomes) -> None:
    """Warn if a newer year is still open, too."""
    report_outcomes(page, request, outcomes, YEARS_REOPENED)
    newest = PledgeYear.objects.current()
    if newest and any(year.pk < newest.pk for year, _outcome in outcomes):
        message = _(
            "Partners’ links still open %(year)s, because it’s the newest open school year. To send partners to an "
            "earlier one, close %(year)s."
        )
        page.message_user(request, message % {"year": newest.school_years}, messages.WARNING)


@row_action(
    _("Reopen selected school years"),
    permissions=["change"],
    button=ngettext_lazy("Reopen %(number)d school year", "Reopen %(number)d school years", "number"),
    done=YEARS_REOPENED,
    undo=_("Partners can change and sign its pledges again. You can close it later."),
    report=report_reopened,
)
def reopen_years(page, request, years):
    return [(year, outcome_of(pledge_years.reopen_year, year, "closed_at")) for year in years]


@admin.register(PledgeYear)
class PledgeYearAdmin(RowAdmin):
    formfield_overrides = DATE_FIELDS
    list_display = ("school_years", "state", "opens_on", "announced_deadline", "closed_at", "signed", "drafts")
    actions = (open_years, close_years, reopen_years)
    parts = [(None, {"fields": ["school_year", "opens_on", "announced_deadline", "state"]})]

    def get_urls(self):
        return [*renewal.renewal_urls(self), *super().get_urls()]

    def get_queryset(self, request):
        signed = Q(pledges__signed_at__isnull=False)
        counts = {"signed_count": Count("pledges", filter=signed), "draft_count": Count("pledges", filter=~signed)}
        return super().get_queryset(request).annotate(**counts)

    def get_readonly_fields(self, request, obj=None):
        """Make the school year read-only, because it is the primary key that pledges refer to."""
        return (*self.readonly_fields, "state", "school_year") if obj else (*self.readonly_fields, "state")

    @admin.display(description=_("school year"), ordering="school_year")
    def school_years(self, year: PledgeYear) -> str:
        return year.school_years

    @admin.display(description=_("status"))
    def state(self, year: PledgeYear) -> str:
        if year.closed_at:
            return pgettext("school year", "Closed")
        if not year.opens_on:  # on the form to add a year
            return "–"
        return pgettext("school year", "Open") if year.is_open else _("Not open yet")

    @admin.display(description=_("signed pledges"), ordering="signed_count")
    def signed(self, year: PledgeYear) -> int:
        return year.signed_count

    @admin.display(description=_("drafts"), ordering="draft_count")
    def drafts(self, year: PledgeYear) -> int:
        return year.draft_count
