"""Two people edit one pledge page at the same time.

The form carries what the page showed when it was opened. What only the other person changed is taken over; where both
changed something, the form keeps its value and shows both. Nothing is saved until the form is sent again.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from imagine.core.admin import concurrent_edit
from imagine.core.models import AuditEntry
from partners.models import Contact, Organization
from partners.pledges import promises
from partners.pledges.editing import Difference, field_difference
from partners.pledges.form_data import PledgeAnswers
from partners.pledges.page_state import PageState
from partners.pledges.promise_form import overwrite_answers
from partners.pledges.promises import Checklist, PromiseData, by_type

FORMS = {"profile": (Organization, ""), "contact": (Contact, "contact-")}


@dataclass
class EditConflict:
    """The merged form, who saved in the meantime and when, and what differs."""

    answers: PledgeAnswers
    changed_by: str
    changed_at: datetime | None
    taken_over: list[Difference] = field(default_factory=list)  # only they changed it
    conflicting: list[Difference] = field(default_factory=list)  # both did


def page_snapshot(state: PageState) -> str:
    """What the page shows, for the hidden field of its form."""
    promise_types = {str(promised.promise_type): promise_values(promised) for promised in state.promises}
    return json.dumps({"profile": state.profile, "contact": state.contact, "promises": promise_types})


def promise_values(promised: PromiseData) -> list:
    return [promised.quantity, *map(list, (promised.grades, promised.months, promised.schools)), promised.note]


def merge_edits(answers: PledgeAnswers, now: PageState) -> EditConflict:
    """Merge the answers of an outdated page with the current state."""
    base, data = concurrent_edit.parse_shown(answers.shown), answers.data.copy()
    conflict = EditConflict(answers, *last_change(now))
    for name, (model, prefix) in FORMS.items():
        entered = answers.entered_data()[name]
        merge_fields(conflict, model, prefix, data, base.get(name), entered, getattr(now, name))
    merge_promises(conflict, data, base.get("promises"), answers.promised, now.promises)
    data["version"], data["shown"] = now.version, page_snapshot(now)
    conflict.answers = PledgeAnswers(data, MultiValueDict())
    conflict.answers.has_file = answers.has_file
    return conflict


def merge_fields(conflict: EditConflict, model, prefix: str, data: QueryDict, base, entered: dict, now: dict) -> None:
    base = base if isinstance(base, dict) else {}
    for name, value in entered.items():
        theirs = now[name]
        if value == theirs or theirs == base.get(name):
            continue
        difference = field_difference(model, name, theirs, value)
        if value != base.get(name):
            conflict.conflicting.append(difference)
            continue
        conflict.taken_over.append(difference)
        if theirs is False:
            data.pop(prefix + name, None)
        else:
            data[prefix + name] = "on" if theirs is True else theirs


def merge_promises(
    conflict: EditConflict, data: QueryDict, base, entered: list[PromiseData], now: list[PromiseData]
) -> None:
    base = base if isinstance(base, dict) else {}
    checklist = Checklist.of([*entered, *now])
    ours, theirs = by_type(entered), by_type(now)
    for pk, promise_type in checklist.promise_types.items():
        mine, stands = ours.get(pk), theirs.get(pk)
        values = [one and promise_values(one) for one in (mine, stands)]
        before = base.get(str(pk))
        if values[0] == values[1] or values[1] == before:
            continue
        words = [promises.promise_in_words(one, checklist) if one else _("not promised") for one in (stands, mine)]
        difference = Difference(promise_type.localized_name, *words)
        if values[0] != before:
            conflict.conflicting.append(difference)
        else:
            conflict.taken_over.append(difference)
            overwrite_answers(data, pk, stands)


def last_change(state: PageState) -> tuple[str, datetime | None]:
    """Who last changed what the page shows, in the reader's language, and when."""
    shown = [row for row in (state.pledge, state.organization, state.answering_contact) if row]
    change = AuditEntry.objects.about_any(shown).order_by("-created_at", "-pk").first()
    if change is None:
        return _("somebody"), None
    if change.actor_kind != AuditEntry.ActorKind.GUEST:
        return _("our staff"), change.created_at
    if state.pledge and state.pledge.signed_at and state.pledge.signed_at == state.pledge.changed_at:
        return state.pledge.signed_by, change.created_at
    return _("somebody who has this link"), change.created_at
