"""Imports in the admin: upload a file, review it, write it, undo it."""

import re
from functools import partial

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from imagine.core.admin.file_description import chosen_fields, chosen_sheet, file_context
from imagine.core.admin.pagination import page_with_links
from imagine.core.errors import RuleViolation
from imagine.core.forms import SpreadsheetField
from imagine.core.spreadsheets.reader import MAX_BYTES
from imagine.core.spreadsheets.writer import xlsx_response
from imagine.core.uploads import takes_files
from partners.imports import columns as imports_columns
from partners.imports import learned_words, validation
from partners.imports import workflow as import_workflow
from partners.imports.learned_words import TYPE_COLUMN
from partners.imports.template import promises_template
from partners.models import Import, ImportedOrganization, MatchReason, Organization, PledgeYear, PromiseType, School

ERRORS_PER_PAGE = 50
QUESTIONS_PER_PAGE = 25
State = Import.State


class FileForm(forms.Form):
    file = SpreadsheetField(max_rows=validation.MAX_ROWS)
    year = forms.ModelChoiceField(
        label=_("School year"),
        queryset=PledgeYear.objects.all(),
        help_text=_("The school year these promises are for."),
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
        page_or_post = require_http_methods(["GET", "HEAD", "POST"])
        upload = takes_files(max_size=MAX_BYTES)(page_or_post(partial(upload_page, self)))
        change = page_or_post(partial(import_page, self))
        template = require_safe(partial(promises_template_page, self))
        return [
            path("template/", self.admin_site.admin_view(template), name="partners_import_template"),
            path("add/", self.admin_site.admin_view(upload), name="partners_import_add"),
            path("<int:pk>/change/", self.admin_site.admin_view(change), name="partners_import_change"),
            *super().get_urls(),
        ]


def upload_page(page: ImportAdmin, request: HttpRequest) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        run = import_workflow.start_import(
            file.read(),
            file_name=file.name,
            year=form.cleaned_data["year"],
            by=request.user.get_username(),
            language=get_language(),
        )
        return redirect("admin:partners_import_change", run.pk)
    context = import_context(page, request, _("Import promises"))
    context |= {"form": form, "has_years": PledgeYear.objects.exists()} | column_names()
    return render(request, "admin/partners/import/upload.html", context, status=422 if form.errors else 200)


def promises_template_page(page: ImportAdmin, request: HttpRequest) -> FileResponse:
    """Download an empty spreadsheet with a sample row."""
    if not page.has_add_permission(request):
        raise PermissionDenied
    return xlsx_response("promises-template.xlsx", *promises_template())


def import_page(page: ImportAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show an import, with the actions that its state allows."""
    if not page.has_view_permission(request):
        raise PermissionDenied
    run = get_object_or_404(Import.objects.select_related("year").defer("file"), pk=pk)
    if request.method == "POST":
        return handle_import_post(page, request, run)
    can_change = page.has_add_permission(request)
    context = import_context(page, request, _("Import of %(file)s") % {"file": run.file_name})
    has_file = run.state in {State.CHECKED, State.REJECTED} and Import.objects.filter(pk=pk, file=None).count() == 0
    context |= {
        "run": run,
        "can_change": can_change,
        "file": file_context(run.format, field_labels(), can_choose=can_change and has_file),
        "with_hidden": run.options.get("with_hidden", False),
        "unknown": unknown_words(run) if can_change and has_file else [],
    }
    if run.state == State.CHECKED:
        context |= check_context(run, request)
    elif run.is_in_progress:
        context["has_stopped"] = run.attempts >= import_workflow.MAX_ATTEMPTS
    elif run.state == State.DONE:
        context["is_last"] = Import.objects.last_written() == run
    return render(request, "admin/partners/import/page.html", context)


def import_context(page: ImportAdmin, request: HttpRequest, title: str) -> dict:
    return {**page.admin_site.each_context(request), "title": title, "opts": page.opts}


def field_labels() -> dict[str, str]:
    """The fields that a column of a file can have: those of our own file, and each promise type's quantities."""
    quantities = _("Quantities of “%(promise_type)s”")
    return imports_columns.labels() | {
        f"{TYPE_COLUMN}{each.pk}": quantities % {"promise_type": each.localized_name}
        for each in PromiseType.objects.filter(is_retired=False)
    }


def unknown_words(run: Import) -> list[dict]:
    """Return the words of the file that we don't know, and what they could mean."""
    unknown = run.format.get("unknown", {})
    meanings = {"promise_type": PromiseType.objects.filter(is_retired=False), "school": School.objects.active()}
    return [
        {"name": f"{kind}-{number}", "word": word, "meanings": meanings[kind]}
        for kind, words in unknown.items()
        for number, word in enumerate(words)
    ]


def column_label(field: str) -> str:
    return imports_columns.labels()[field]


def column_names() -> dict[str, list[str]]:
    others = [*(field for field in imports_columns.FIELDS if field not in imports_columns.REQUIRED_FIELDS), "website"]
    return {
        "required": [column_label(field) for field in imports_columns.REQUIRED_FIELDS],
        "others": [column_label(field) for field in others],
    }


# A checked import ------------------------------------------------------------------------------------------------


def check_context(run: Import, request: HttpRequest) -> dict:
    """Return the counts of a checked import, and a page each of its rows with errors and its questions."""
    to_review = Paginator(validation.organizations_to_review(run), QUESTIONS_PER_PAGE)
    review_page = page_with_links(request, "q", to_review)
    errors = Paginator(validation.rows_with_errors(run), ERRORS_PER_PAGE)
    organizations = run.organizations
    return {
        "error_page": page_with_links(request, "errors", errors),
        "review_page": review_page,
        "questions": questions(run, review_page),
        "valid_count": run.row_count - run.error_count,
        "new_count": organizations.filter(is_new=True).count(),
        "existing_count": organizations.filter(is_new=False, duplicate_of_line=None).count(),
        "duplicate_count": organizations.filter(duplicate_of_line__isnull=False).count(),
        "pledged_count": organizations.filter(is_new=False, organization__pledges__year=run.year).count(),
    }


def questions(run: Import, review_page: Page) -> list[dict]:
    """Return the imported organizations of a page with their possible matches, in two more queries."""
    rows = list(review_page)
    existing = Organization.objects.in_bulk({pk for row in rows for pk, *_why in row.existing_matches})
    lines = {line for row in rows for line, *_why in row.matches_in_file}
    names = dict(run.organizations.filter(line__in=lines).values_list("line", "name"))
    return [
        {
            "imported": row,
            "existing_choices": existing_choices(row, existing),
            "file_choices": file_choices(row, names),
        }
        for row in rows
    ]


def existing_choices(imported: ImportedOrganization, existing: dict[int, Organization]) -> list[dict]:
    return [
        {
            "organization": existing[pk],
            "reasons": [MatchReason(reason).label for reason in reasons],
            "is_chosen": pk == imported.organization_id,
        }
        for pk, _score, reasons in imported.existing_matches
        if pk in existing
    ]


def file_choices(imported: ImportedOrganization, names: dict[int, str]) -> list[dict]:
    return [
        {
            "name": names[line],
            "line": line,
            "reasons": [MatchReason(reason).label for reason in reasons],
            "is_chosen": line == imported.duplicate_of_line,
        }
        for line, _score, reasons in imported.matches_in_file
        if line in names
    ]


# Actions ---------------------------------------------------------------------------------------------------------


def handle_import_post(page: ImportAdmin, request: HttpRequest, run: Import) -> HttpResponse:
    if not page.has_add_permission(request):
        raise PermissionDenied
    action = next((action for name, action in ACTIONS.items() if name in request.POST), None)
    try:
        if action:
            messages.success(request, action(request, run))
    except RuleViolation as error:
        messages.error(request, str(error))
    return redirect(request.get_full_path())


def answer(request: HttpRequest, run: Import) -> str:
    answers = {}
    for name, value in request.POST.items():
        field = re.fullmatch(r"organization-(\d{1,18})", name, re.ASCII)
        choice = parse_choice(value)
        if field and choice:
            answers[int(field[1])] = choice
    import_workflow.answer_questions(run, answers)
    return ngettext("%(number)d answer saved.", "%(number)d answers saved.", len(answers)) % {"number": len(answers)}


def parse_choice(value: str) -> import_workflow.OrganizationChoice | None:
    """Parse a radio button's value: "new", an organization's primary key, or "line-" and the number of a line."""
    if value == "new":
        return import_workflow.OrganizationChoice()
    match = re.fullmatch(r"(line-)?(\d{1,9})", value, re.ASCII)
    if not match:
        return None
    is_line, number = match[1], int(match[2])
    if is_line:
        return import_workflow.OrganizationChoice(line=number)
    return import_workflow.OrganizationChoice(organization=number)


def confirm(request: HttpRequest, run: Import) -> str:
    import_workflow.confirm_import(run, skip_errors="skip_errors" in request.POST)
    run.refresh_from_db(fields=["state"])
    if run.state == State.DONE:
        return str(_("Import finished."))
    return str(_("Import started. You can leave this page while it runs."))


def discard(request: HttpRequest, run: Import) -> str:
    import_workflow.discard_import(run)
    return str(_("Import discarded. Nothing was imported."))


def undo(request: HttpRequest, run: Import) -> str:
    if "confirmed" not in request.POST:
        raise import_workflow.ImportRefused(_("To undo this import, check the box first."))
    import_workflow.undo_import(run)
    run.refresh_from_db(fields=["state"])
    return str(_("Import undone.") if run.state == State.UNDONE else _("Undoing the import. You can leave this page."))


def retry(request: HttpRequest, run: Import) -> str:
    import_workflow.retry_import(run)
    return str(_("Trying again. You can leave this page."))


def choose(request: HttpRequest, run: Import) -> str:
    fields = chosen_fields(request.POST, run.format, field_labels())
    import_workflow.read_import_again(run, fields=fields, **chosen_sheet(request.POST, run.format))
    return str(_("We read the file again and will remember your choices."))


def teach(request: HttpRequest, run: Import) -> str:
    """Remember what staff say about the file's unknown words, and read it again."""
    for each in unknown_words(run):
        chosen = request.POST.get(each["name"], "")
        meaning = each["meanings"].filter(pk=chosen).first() if re.fullmatch(r"[0-9]{1,18}", chosen) else None
        if isinstance(meaning, PromiseType):
            learned_words.learn_promise_type(each["word"], meaning)
        elif meaning:
            learned_words.learn_school(each["word"], meaning)
    options = {"sheet": run.options.get("name", ""), "with_hidden": run.options.get("with_hidden", False)}
    import_workflow.read_import_again(run, fields={}, **options)
    return str(_("Words saved. We checked the file again."))


ACTIONS = {
    "choose": choose,
    "teach": teach,
    "answer": answer,
    "confirm": confirm,
    "discard": discard,
    "undo": undo,
    "retry": retry,
}
