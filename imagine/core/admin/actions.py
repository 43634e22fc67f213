"""Admin actions on selected rows, and the messages that report what happened to each row."""

from collections.abc import Callable, Iterable

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Field, Model
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from imagine.core.admin.deletion import DeletionAdmin
from imagine.core.admin.permissions import ACT_ON_MANY
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event

MAX_NAMES = 5  # in one message
UNCHANGED = ngettext_lazy("%(number)d needed no change.", "%(number)d needed no changes.", "number")

Outcome = bool | Exception  # True if changed, False if there was nothing to do, or why it was refused


class ActionsAdmin(DeletionAdmin):
    """An admin list that reports selected rows that were changed or deleted since the list was opened. Changing several
    rows at once takes a permission of its own."""

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
        request.POST = request.POST.copy()
        request.POST.setlist(ACTION_CHECKBOX_NAME, possible)
        return super().response_action(request, queryset)


def is_about_one(request: HttpRequest) -> bool:
    """Return whether a button on the page of one row was pressed, or one row is selected."""
    return len(request.POST.getlist(ACTION_CHECKBOX_NAME)) == 1 and request.POST.get("select_across", "0") == "0"


def only_reads(action: Callable) -> bool:
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
    refused: dict[str, list[str]] = {}
    for thing, outcome in outcomes:
        if isinstance(outcome, Exception):
            refused.setdefault(outcome_text(outcome), []).append(str(thing))
    for sentence, level, kind in ((done, messages.SUCCESS, True), (same, messages.INFO, False)):
        if number := sum(outcome is kind for _thing, outcome in outcomes):
            page.message_user(request, sentence % {"number": number}, level)
    for why, names in refused.items():
        page.message_user(request, f"{shorten_names(names)}: {why}", messages.ERROR)


def record_many(request: HttpRequest, outcomes: list[tuple[Model, Outcome]], action: str = "") -> None:
    """Record an action that changed rows out of several, with its name in code."""
    changed = [row for row, outcome in outcomes if outcome is True]
    if changed and len(outcomes) > 1:
        action = action or request.POST.get("action", "")
        name = {"action": action} if action.isidentifier() else {}
        record_event(SecurityEventKind.SEVERAL_CHANGED, list=changed[0]._meta.label_lower, rows=len(changed), **name)


def outcome_text(refusal: Exception) -> str:
    return _("This was deleted or merged in the meantime.") if isinstance(refusal, ObjectDoesNotExist) else str(refusal)


def shorten_names(names: list[str]) -> str:
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return _("%(names)s and %(more)d more") % {"names": ", ".join(names[:MAX_NAMES]), "more": len(names) - MAX_NAMES}
