"""Export an admin list as a file: everything that filters and search show, or the selected rows. Each file is recorded
in the activity log and has the record's number in its name."""

import re
from collections.abc import Callable
from typing import NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from imagine.core.admin.permissions import EXPORT_MANY
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event
from imagine.core.spreadsheets import writer
from imagine.core.spreadsheets.writer import Export

MAX_ROWS = 500  # without EXPORT_MANY
CODE = re.compile(r"[\w ,.:+-]{1,100}")


class File(NamedTuple):
    """One file: its name in URLs, its format, its button's label, its rows, and how to export them."""

    name: str
    kind: str
    label: str
    rows: Callable[[QuerySet], QuerySet]
    export: Callable[[HttpRequest, QuerySet], Export]


class ExportAdmin(admin.ModelAdmin):
    files: list[File] = []
    show_facets = admin.ShowFacets.NEVER  # they would count every promise of every school
    nothing = _("Nothing to export. No records match these filters.")

    def get_urls(self):
        take = self.admin_site.admin_view(require_safe(self.export))
        files = [path(f"{f.name}.{f.kind}", take, {"file": f}, name=self.view_name(f)) for f in self.files]
        return [*files, *super().get_urls()]

    def view_name(self, file: File) -> str:
        return f"{self.opts.model_name}_{file.name}_{file.kind}"

    def changelist_view(self, request, extra_context=None):
        buttons = [(reverse(f"admin:{self.view_name(file)}"), file.label) for file in self.files]
        return super().changelist_view(request, {"files": buttons} | (extra_context or {}))

    def get_actions(self, request):
        """Add one action per file, for the selected rows."""
        actions = super().get_actions(request)
        if self.has_view_permission(request):
            for file in self.files:
                name = self.view_name(file)
                actions[name] = (self.action_of(file), name, file.label)
        return actions

    def action_of(self, file: File):
        @admin.action(permissions=["view"])
        def take(page, request, queryset):
            return self.answer(request, queryset, file)

        return take

    def export(self, request: HttpRequest, file: File) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return self.answer(request, shown, file)

    def answer(self, request: HttpRequest, shown: QuerySet, file: File) -> HttpResponse:
        """Return the file, or redirect to the list with a message if the file would be empty."""
        export = file.export(request, file.rows(shown))
        if export.row_count:
            return file_or_list(self, request, export, file.kind)
        self.message_user(request, self.nothing, messages.WARNING)
        return redirect_to_list(self, request)


def csv_and_xlsx(name: str, labels: dict[str, str], rows: Callable, export: Callable) -> list[File]:
    """Return the CSV and the XLSX version of a file. `labels` are by format."""
    return [File(name, kind, labels[kind], rows, export) for kind in writer.RESPONSES]


def file_or_list(page: admin.ModelAdmin, request: HttpRequest, export: Export, file_format: str) -> HttpResponse:
    """Return the file, or redirect to the list with a message if it is longer than this user may export."""
    if export.row_count > MAX_ROWS and not request.user.has_perm(EXPORT_MANY):
        error = _("This list has %(rows)s rows, and your role can export up to %(max)s. Use filters to narrow it down.")
        numbers = {"rows": f"{export.row_count:,}", "max": f"{MAX_ROWS:,}"}
        page.message_user(request, error % numbers, messages.ERROR)
        return redirect_to_list(page, request)
    facts = {"filters": shown_filters(page, request)}
    if request.GET.get(SEARCH_VAR):
        facts["searched"] = True
    if request.method == "POST":
        facts["selected"] = True
    return recorded_response(request, export, file_format, **facts)


def recorded_response(request: HttpRequest, export: Export, file_format: str, **facts) -> HttpResponse:
    """Record the export and return the file. HEAD exports nothing."""
    if request.method == "HEAD":
        return HttpResponse()
    facts |= {"rows": export.row_count, "columns": list(map(str, export.header))}
    event = record_event(SecurityEventKind.EXPORTED, request=request, file=f"{export.name}.{file_format}", **facts)
    name = f"{export.name}-{timezone.localdate():%Y-%m-%d}-record-{event.pk}.{file_format}"
    return writer.export_response(export, name, file_format)


def shown_filters(page: admin.ModelAdmin, request: HttpRequest) -> dict[str, str]:
    """Return the list's filters from the URL. They choose among keys and codes; what is searched for, or asked for in a
    lookup by hand, can be a person's name and is left out."""
    names = [each if isinstance(each, str) else getattr(each, "parameter_name", "") for each in page.list_filter]
    filters = {key: value for key, value in request.GET.items() if key.partition("__")[0] in names}
    return {key: value for key, value in filters.items() if CODE.fullmatch(key) and CODE.fullmatch(value)}


def redirect_to_list(page: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    address = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
    return redirect(f"{address}?{request.GET.urlencode()}")
