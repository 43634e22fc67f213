"""Imports in the admin: upload a file, review it, write it, undo it."""

import re
from functools import partial

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from imagine.core.admin.pagination import page_with_links
from imagine.core.forms import SpreadsheetField
from imagine.core.spreadsheets.reader import MAX_BYTES
from imagine.core.uploads import takes_files
from partners import exports
from partners.imports import columns as imports_columns
from partners.imports import validation
from partners.imports import workflow as import_workflow
from partners.models import Import, ImportedOrganization, MatchReason, Organization, PledgeYear

BAD_ROWS = 50  # on a page
QUESTIONS = 25
State = Import.State


class FileForm(forms.Form):
    file = SpreadsheetField()
    year = forms.ModelChoiceField(
        label=_("School year"), queryset=PledgeYear.objects.all(), help_text=_("What the file’s partners pledged for.")
    )


@admin.register(Import)
class ImportAdmin(admin.ModelAdmin):
    list_display = ("file_name", "year", "state", "row_count", "created_by", "created_at")
    list_filter = ("state",)
    list_select_related = ("year",)
    show_full_result_count = False
    actions = None

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).defer("file")

    def get_urls(self):
        send = takes_files(max_size=MAX_BYTES)(require_http_methods(["GET", "HEAD", "POST"])(partial(upload, self)))
        one = require_http_methods(["GET", "HEAD", "POST"])(partial(run, self))
        view = self.admin_site.admin_view
        return [
            path("add/", view(send), name="partners_import_add"),
            path("<int:pk>/change/", view(one), name="partners_import_change"),
            *super().get_urls(),
        ]


def upload(page: ImportAdmin, request: HttpRequest) -> HttpResponse:
    """A small file is read at once."""
    if not page.has_add_permission(request):
        raise PermissionDenied
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        made = import_workflow.start_import(
            file.read(),
            file_name=file.name,
            year=form.cleaned_data["year"],
            by=request.user.get_username(),
            language=get_language(),
        )
        return redirect("admin:partners_import_change", made.pk)
    context = around(page, request, _("Import a spreadsheet"))
    context |= {"form": form, "years": PledgeYear.objects.exists()} | column_names()
    return render(request, "admin/partners/import/upload.html", context, status=422 if form.errors else 200)


def run(page: ImportAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """An import and what can be done with it."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    shown = get_object_or_404(Import.objects.select_related("year").defer("file"), pk=pk)
    if request.method == "POST":
        return act(page, request, shown)
    may_act = page.has_add_permission(request)
    context = around(page, request, _("Import of %(file)s") % {"file": shown.file_name})
    context |= {"run": shown, "may_act": may_act, "columns": [(head, label(field)) for head, field in columns(shown)]}
    if shown.state == State.CHECKED:
        context |= checked(shown, request)
    elif shown.is_in_progress:
        context["has_stopped"] = shown.attempts >= import_workflow.MAX_ATTEMPTS
    elif shown.state == State.DONE:
        context["is_last"] = Import.objects.last_written() == shown
    return render(request, "admin/partners/import/page.html", context)


def around(page: ImportAdmin, request: HttpRequest, title: str) -> dict:
    return {**page.admin_site.each_context(request), "title": title, "opts": page.opts}


def columns(run: Import) -> list[list[str]]:
    return run.format.get("columns", [])


def label(field: str) -> str:
    """What a column is for."""
    return str(dict(zip(imports_columns.FIELDS, exports.BY_PROMISE, strict=True)).get(field, _("website")))


def column_names() -> dict[str, list[str]]:
    """The required and the other columns."""
    others = [*(field for field in imports_columns.FIELDS if field not in imports_columns.REQUIRED_FIELDS), "website"]
    return {
        "needed": [label(field) for field in imports_columns.REQUIRED_FIELDS],
        "others": [label(field) for field in others],
    }


# A checked one ---------------------------------------------------------------------------------------------------


def checked(run: Import, request: HttpRequest) -> dict:
    """What was found, page by page."""
    asked = page_with_links(request, "q", Paginator(validation.organizations_to_review(run), QUESTIONS))
    typed = run.organizations
    return {
        "bad": page_with_links(request, "bad", Paginator(validation.rows_with_errors(run), BAD_ROWS)),
        "asked": asked,
        "questions": questions(run, asked),
        "good": run.row_count - run.error_count,
        "new": typed.filter(is_new=True).count(),
        "there": typed.filter(is_new=False, duplicate_of_line=None).count(),
        "twice": typed.filter(duplicate_of_line__isnull=False).count(),
        "pledged": typed.filter(is_new=False, organization__pledges__year=run.year).count(),
    }


def questions(run: Import, asked: Page) -> list[dict]:
    """The imported organizations of a page with their possible matches. Two more queries."""
    rows = list(asked)
    there = Organization.objects.in_bulk({pk for typed in rows for pk, *_why in typed.existing_matches})
    lines = {line for typed in rows for line, *_why in typed.matches_in_file}
    earlier = dict(run.organizations.filter(line__in=lines).values_list("line", "name"))
    return [{"typed": typed, "choices": choices(typed, there), "twins": same(typed, earlier)} for typed in rows]


def choices(typed: ImportedOrganization, there: dict[int, Organization]) -> list[dict]:
    return [
        {
            "organization": there[pk],
            "why": [MatchReason(reason).label for reason in reasons],
            "is_chosen": pk == typed.organization_id,
        }
        for pk, _score, reasons in typed.existing_matches
        if pk in there
    ]


def same(typed: ImportedOrganization, earlier: dict[int, str]) -> list[dict]:
    """Matches earlier in the file."""
    return [
        {
            "name": earlier[line],
            "line": line,
            "why": [MatchReason(reason).label for reason in reasons],
            "is_chosen": line == typed.duplicate_of_line,
        }
        for line, _score, reasons in typed.matches_in_file
        if line in earlier
    ]


# What is done ----------------------------------------------------------------------------------------------------


def act(page: ImportAdmin, request: HttpRequest, run: Import) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    known = {"answer": answer, "confirm": confirm, "drop": drop, "undo": undo, "go_on": go_on}
    done = next((act for name, act in known.items() if name in request.POST), None)
    try:
        if done:
            messages.success(request, done(request, run))
    except import_workflow.ImportRefused as refused:
        messages.error(request, str(refused))
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return redirect(request.path + query)


def answer(request: HttpRequest, run: Import) -> str:
    found = ((re.fullmatch(r"which-(\d{1,18})", name, re.ASCII), which(value)) for name, value in request.POST.items())
    answers = {int(name[1]): said for name, said in found if name and said}
    import_workflow.answer_questions(run, answers)
    return ngettext("%(number)d answer was kept.", "%(number)d answers were kept.", len(answers)) % {
        "number": len(answers)
    }


def which(value: str) -> import_workflow.OrganizationChoice | None:
    """Parse a button's value: "new", an organization, or an earlier line."""
    if value == "new":
        return import_workflow.OrganizationChoice()
    said = re.fullmatch(r"(line-)?(\d{1,9})", value, re.ASCII)
    if not said:
        return None
    return (
        import_workflow.OrganizationChoice(line=int(said[2]))
        if said[1]
        else import_workflow.OrganizationChoice(organization=int(said[2]))
    )


def confirm(request: HttpRequest, run: Import) -> str:
    import_workflow.confirm_import(run, leaves_bad="leave" in request.POST)
    run.refresh_from_db(fields=["state"])
    if run.state == State.DONE:
        return str(_("The import is written."))
    return str(_("The import is being written. Nothing is lost when you leave this page."))


def drop(request: HttpRequest, run: Import) -> str:
    import_workflow.discard_import(run)
    return str(_("The import was dropped. Nothing of it was written."))


def undo(request: HttpRequest, run: Import) -> str:
    if "sure" not in request.POST:
        raise import_workflow.ImportRefused(_("Tick that you are sure to undo the import."))
    import_workflow.undo_import(run)
    run.refresh_from_db(fields=["state"])
    return str(_("The import was undone.") if run.state == State.UNDONE else _("The import is being undone."))


def go_on(request: HttpRequest, run: Import) -> str:
    import_workflow.retry_import(run)
    return str(_("It is tried once more."))
