"""Resolve conflicts when two people edit the same pledge page at the same time.

The form contains the values that the page showed when it was opened. A value that only the other person changed is
taken over. If both changed it, the form keeps the entered value and shows both. Nothing is saved until the form is
submitted again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from imagine.core.admin import concurrent_edit
from imagine.core.models import AuditEntry
from partners.forms.pledge_answers import PledgeAnswers
from partners.forms.promise import overwrite_answers
from partners.models import Contact, Organization
from partners.pledges import promises
from partners.pledges.editing import Difference, field_difference
from partners.pledges.page_state import PageState
from partners.pledges.promises import Checklist, PromiseData, by_type

FORMS = {"profile": (Organization, ""), "contact": (Contact, "contact-")}


@dataclass
class EditConflict:
    """The merged form, who saved in the meantime and when, and the differences."""

    answers: PledgeAnswers
    changed_by: str
    changed_at: datetime | None
    taken_over: list[Difference] = field(default_factory=list)  # changed only by the other person
    conflicting: list[Difference] = field(default_factory=list)  # changed by both


def page_snapshot(state: PageState) -> str:
    """Return what the page shows, as JSON for the hidden field of its form."""
    promise_types = {str(pk): group_values(group) for pk, group in by_type(state.promises).items()}
    return json.dumps({"profile": state.profile, "contact": state.contact, "promises": promise_types})


def group_values(promises: Iterable[PromiseData]) -> list:
    return [
        [promise.quantity, *map(list, (promise.grades, promise.months, promise.schools)), promise.note]
        for promise in promises
    ]


def merge_edits(answers: PledgeAnswers, state: PageState) -> EditConflict:
    """Merge the answers of an outdated page with the current state."""
    base, data = concurrent_edit.parse_shown(answers.shown), answers.data.copy()
    conflict = EditConflict(answers, *last_change(state))
    for name, (model, prefix) in FORMS.items():
        entered = answers.entered_data()[name]
        merge_fields(conflict, model, prefix, data, base.get(name), entered, getattr(state, name))
    merge_promises(conflict, data, base.get("promises"), answers.promised, state.promises)
    data["version"], data["shown"] = state.version, page_snapshot(state)
    conflict.answers = PledgeAnswers(data, MultiValueDict())
    conflict.answers.has_file = answers.has_file
    conflict.answers.profile.allow_name(state.profile["name"])
    return conflict


def merge_fields(conflict: EditConflict, model, prefix: str, data: QueryDict, base, entered: dict, saved: dict) -> None:
    base = base if isinstance(base, dict) else {}
    for name, value in entered.items():
        current = saved[name]
        if value == current or current == base.get(name):
            continue
        difference = field_difference(model, name, current, value)
        if value != base.get(name):
            conflict.conflicting.append(difference)
            continue
        conflict.taken_over.append(difference)
        if current is False:
            data.pop(prefix + name, None)
        else:
            data[prefix + name] = "on" if current is True else current


def merge_promises(
    conflict: EditConflict, data: QueryDict, base, entered: list[PromiseData], saved: list[PromiseData]
) -> None:
    base = base if isinstance(base, dict) else {}
    checklist = Checklist.of([*entered, *saved])
    entered_by_type, saved_by_type = by_type(entered), by_type(saved)
    for pk, promise_type in checklist.promise_types.items():
        current, typed = saved_by_type.get(pk, ()), entered_by_type.get(pk, ())
        current_values, typed_values, before = group_values(current), group_values(typed), base.get(str(pk), [])
        if typed_values == current_values or current_values == before:
            continue
        descriptions = [promises.promises_in_words(group, checklist) or _("not promised") for group in (current, typed)]
        difference = Difference(promise_type.localized_name, *descriptions)
        if typed_values != before:
            conflict.conflicting.append(difference)
        else:
            conflict.taken_over.append(difference)
            overwrite_answers(data, pk, current)


def last_change(state: PageState) -> tuple[str, datetime | None]:
    """Return who last changed the values of the page, in the reader's language, and when."""
    shown = [row for row in (state.pledge, state.organization, state.answering_contact) if row]
    change = AuditEntry.objects.about_any(shown).order_by("-created_at", "-pk").first()
    if change is None:
        return _("someone"), None
    if change.actor_kind != AuditEntry.ActorKind.GUEST:
        return _("our staff"), change.created_at
    if state.pledge and state.pledge.signed_at and state.pledge.signed_at == state.pledge.changed_at:
        return state.pledge.signed_by, change.created_at
    return _("someone with this link"), change.created_at
