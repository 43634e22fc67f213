"""Export an admin list as a file: everything that filters and search show, or the selected rows."""

from collections.abc import Callable
from typing import NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from imagine.core.spreadsheets import writer


class File(NamedTuple):
    """One export: its name in URLs, its format, its button's label, its rows, and how to write them."""

    name: str
    kind: str
    label: str
    rows: Callable[[QuerySet], QuerySet]
    write: Callable[[HttpRequest, QuerySet, str], HttpResponse]


class ExportAdmin(admin.ModelAdmin):
    files: list[File] = []
    show_facets = admin.ShowFacets.NEVER  # they would count every promise of every school
    nothing = _("There is nothing to take away: no row is left under these filters.")

    def get_urls(self):
        take = self.admin_site.admin_view(require_GET(self.export))
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
        def take(page, request, queryset):
            return self.answer(request, queryset, file)

        return take

    def export(self, request: HttpRequest, file: File) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            shown = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(self.list_address())
        return self.answer(request, shown, file)

    def answer(self, request: HttpRequest, shown: QuerySet, file: File) -> HttpResponse:
        """Return the file, or redirect to the list with a message if the file would be empty."""
        rows = file.rows(shown)
        if rows.exists():
            return file.write(request, rows, file.kind)
        self.message_user(request, self.nothing, messages.WARNING)
        return redirect(f"{self.list_address()}?{request.GET.urlencode()}")

    def list_address(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def csv_and_xlsx(name: str, labels: dict[str, str], rows: Callable, write: Callable) -> list[File]:
    """Return the CSV and the XLSX version of a file. `labels` are by format."""
    return [File(name, kind, labels[kind], rows, write) for kind in writer.RESPONSES]
