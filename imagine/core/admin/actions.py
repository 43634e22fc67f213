"""Admin actions on selected rows: each asks first (imagine.core.admin.questions), then reports what happened to each
row."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import model_ngettext
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from imagine.core.admin import questions
from imagine.core.admin.deletion import DeletionAdmin
from imagine.core.admin.permissions import ACT_ON_MANY
from imagine.core.admin.questions import Effect, Question, shorten_names
from imagine.core.models import SecurityEventKind
from imagine.core.rehearsal import rehearse
from imagine.core.security_events import record_event

NO_CHANGE_NEEDED = ngettext_lazy("%(number)d needs no change.", "%(number)d need no change.", "number")
UNCHANGED = ngettext_lazy("%(number)d needed no change.", "%(number)d needed no changes.", "number")
AT_ONCE = "at_once"  # sent by a button on the page of one row, which says what it does

Outcome = bool | Exception  # True if changed, False if there was nothing to do, or why it was refused


@dataclass(frozen=True)
class RowAction:
    """What an action does to rows, and how its page and its messages put it. `button`, `done` and `same` are sentences
    with a %(number)d."""

    apply: Callable[..., Iterable[tuple[Model, Outcome]]]  # (page, request, rows, **what the form asks)
    button: Promise
    done: Promise
    undo: Promise
    same: Promise = UNCHANGED
    effects: Callable[[Sequence[Model], Sequence[Model]], list[Effect]] | None = None  # (rows, emails)
    form: type[forms.Form] | None = None
    report: Callable[[admin.ModelAdmin, HttpRequest, list], HttpResponse | None] | None = None  # not report_outcomes
    changes: Callable[[object], bool] = lambda outcome: outcome is True
    prepare: Callable[[QuerySet], QuerySet] = lambda rows: rows  # load what the page shows
    row_template: str = ""
    fingerprint: questions.Fingerprint | None = None  # of what the page shows of a row, if not page.row_fingerprint
    next_button: Callable[[Sequence[Model]], str] | None = None
    is_dangerous: bool = False

    def run(self, page, request: HttpRequest, rows: QuerySet, **fields) -> HttpResponse | None:
        """Act on rows without asking, and report."""
        return self.report_all(page, request, list(self.apply(page, request, rows, **fields)))

    def report_all(self, page, request: HttpRequest, outcomes: list) -> HttpResponse | None:
        if self.report:
            return self.report(page, request, outcomes)
        report_outcomes(page, request, outcomes, self.done, self.same)
        return None

    def ask_or_run(self, page, request: HttpRequest, rows: QuerySet) -> HttpResponse | None:
        rows = self.prepare(rows)
        if AT_ONCE in request.POST and is_about_one(request):
            return self.run(page, request, rows)
        shown = questions.shown_rows(request)
        if shown is None:
            return self.ask(page, request, rows, self.form() if self.form else None)
        form = self.form(request.POST) if self.form else None
        if form and not form.is_valid():
            return self.ask(page, request, rows, form)
        same, changed = questions.compare_to_shown(rows, shown, self.fingerprint or page.row_fingerprint)
        if changed:
            page.message_user(request, questions.changed_message(list(map(str, changed))), messages.WARNING)
        if not same:
            return None
        return self.run(page, request, rows.filter(pk__in=same), **(form.cleaned_data if form else {}))

    def ask(self, page, request: HttpRequest, rows: QuerySet, form: forms.Form | None) -> HttpResponse | None:
        """Show the page, or only report if no row would change."""
        selected = list(rows)
        with rehearse() as emails:
            outcomes = list(self.apply(page, request, rows.all()))
        changed = {row.pk for row, outcome in outcomes if self.changes(outcome)}
        if not changed:
            return self.report_all(page, request, outcomes)
        unchanged = [(row, outcome if isinstance(outcome, Exception) else False) for row, outcome in outcomes]
        unchanged = [(row, outcome) for row, outcome in unchanged if row.pk not in changed]
        changing = [row for row in selected if row.pk in changed]
        same = NO_CHANGE_NEEDED if self.same is UNCHANGED else self.same
        button = questions.numbered(self.button, len(changing), model_ngettext(page.opts, len(changing)))
        question = Question(
            title=questions.ask_text(button),
            button=button,
            rows=changing,
            undo=str(self.undo),
            emails=emails,
            effects=self.effects(changing, emails) if self.effects else (),
            notes=[text for text, _level in outcome_sentences(unchanged, same=same, name=page.row_label)],
            form=form,
            row_template=self.row_template,
            next_button=self.next_button(changing) if self.next_button else "",
            is_dangerous=self.is_dangerous,
        )
        return questions.question_page(page, request, question, mark=self.fingerprint)


def row_action(description: Promise, *, permissions: Sequence[str], **words) -> Callable:
    """Make an admin action of a function that yields each row with its outcome."""

    def decorate(apply: Callable) -> Callable:
        action = RowAction(apply, **words)

        @admin.action(description=description, permissions=permissions)
        @wraps(apply)
        def ask_or_run(page, request, rows):
            return action.ask_or_run(page, request, rows)

        ask_or_run.row_action = action  # type: ignore[attr-defined]
        return ask_or_run

    return decorate


class ActionsAdmin(DeletionAdmin):
    """An admin list whose actions ask first, and that reports selected rows that were changed or deleted since the list
    was opened. Changing several rows at once takes a permission of its own."""

    def changelist_view(self, request, extra_context=None):
        """Select the rows that the page of an action showed."""
        shown = questions.shown_rows(request)
        if shown is not None:
            request.POST = request.POST.copy()
            request.POST.setlist(ACTION_CHECKBOX_NAME, list(shown) or ["-"])
            request.POST["select_across"] = "0"
        return super().changelist_view(request, extra_context)

    def get_actions(self, request):
        actions = super().get_actions(request)
        if request.user.has_perm(ACT_ON_MANY) or is_about_one(request):
            return actions
        return {name: action for name, action in actions.items() if only_reads(action[0])}

    def response_action(self, request, queryset):
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        possible = [key for key in selected if is_valid_key(self.opts.pk, key)]
        if selected and request.POST.get("select_across", "0") == "0":
            gone = len(set(selected)) - queryset.filter(pk__in=possible).count()
            if gone:
                self.message_user(request, missing_rows_message(gone), messages.WARNING)
            if gone == len(set(selected)):
                return None
        number = queryset.count() if request.POST.get("select_across", "0") != "0" else len(possible)
        if number > questions.MAX_ROWS and not only_reads(self.chosen_action(request)):
            self.message_user(request, too_many_message(number), messages.ERROR)
            return None
        request.POST = request.POST.copy()
        request.POST.setlist(ACTION_CHECKBOX_NAME, possible)
        return super().response_action(request, queryset)

    def chosen_action(self, request) -> Callable | None:
        action, _name, _description = self.get_actions(request).get(request.POST.get("action", ""), (None, "", ""))
        return action


def is_about_one(request: HttpRequest) -> bool:
    """Return whether a button on the page of one row was pressed, or one row is selected."""
    return len(request.POST.getlist(ACTION_CHECKBOX_NAME)) == 1 and request.POST.get("select_across", "0") == "0"


def too_many_message(number: int) -> str:
    message = _("You selected %(number)s rows. Select at most %(most)s at a time, for example with a filter.")
    return message % {"number": f"{number:,}", "most": f"{questions.MAX_ROWS:,}"}


def only_reads(action: Callable | None) -> bool:
    return list(getattr(action, "allowed_permissions", [])) == ["view"]


def is_valid_key(key: Field, value: str) -> bool:
    try:
        key.to_python(value)
    except ValidationError:
        return False
    return True


def missing_rows_message(number: int) -> str:
    message = ngettext(
        "%(number)d of the selected items was changed or deleted in the meantime.",
        "%(number)d of the selected items were changed or deleted in the meantime.",
        number,
    )
    return message % {"number": number}


def report_outcomes(
    page: admin.ModelAdmin,
    request: HttpRequest,
    outcomes: Iterable[tuple[Model, Outcome]],
    done: Promise,
    same=UNCHANGED,
):
    """Tell staff how many rows an action changed, how many needed no change, and which were refused and why.

    `done` and `same` are sentences with a %(number)d.
    """
    outcomes = list(outcomes)
    record_many(request, outcomes)
    for text, level in outcome_sentences(outcomes, done=done, same=same):
        page.message_user(request, text, level)


def outcome_sentences(
    outcomes: list[tuple[Model, Outcome]],
    *,
    same: Promise,
    done: Promise | None = None,
    name: Callable[[Model], str] = str,
) -> Iterator[tuple[str, int]]:
    """Yield a sentence and its level for the rows that changed, those that needed no change, and each reason why some
    were refused. A message is in a cookie, so it may not have people's names, as a page may."""
    numbers = Counter(outcome for _row, outcome in outcomes if isinstance(outcome, bool))
    if done and numbers[True]:
        yield questions.numbered(done, numbers[True]), messages.SUCCESS
    if numbers[False]:
        yield questions.numbered(same, numbers[False]), messages.INFO
    refused: dict[str, list[str]] = {}
    for row, outcome in outcomes:
        if isinstance(outcome, Exception):
            refused.setdefault(outcome_text(outcome), []).append(name(row))
    for why, names in refused.items():
        yield f"{shorten_names(names)}: {why}", messages.ERROR


def record_many(request: HttpRequest, outcomes: list[tuple[Model, Outcome]], action: str = "") -> None:
    """Record an action that changed rows out of several, with its name in code."""
    changed = [row for row, outcome in outcomes if outcome is True]
    if changed and len(outcomes) > 1:
        action = action or request.POST.get("action", "")
        name = {"action": action} if action.isidentifier() else {}
        record_event(SecurityEventKind.SEVERAL_CHANGED, list=changed[0]._meta.label_lower, rows=len(changed), **name)


def outcome_text(refusal: Exception) -> str:
    return _("This was deleted or merged in the meantime.") if isinstance(refusal, ObjectDoesNotExist) else str(refusal)
