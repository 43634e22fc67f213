"""Two people on one pledge's page: what one changed meanwhile, beside what the other typed.

The page carries what it showed. So what only the other one changed is taken over as they left it; where both changed
one thing, what was typed stays and both are told. Nothing is written before it is sent once more.
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
from partners.pledges.editing import Difference
from partners.pledges.editing import value_in_words as in_words
from partners.pledges.form_data import PledgeAnswers, PromiseAnswer
from partners.pledges.page_state import PageState
from partners.pledges.promises import Checklist, PromiseData

FORMS = {"profile": (Organization, ""), "contact": (Contact, "contact-")}


@dataclass
class EditConflict:
    """What somebody else did while the page was open, and the page with it."""

    answers: PledgeAnswers
    who: str
    at: datetime | None
    taken: list[Difference] = field(default_factory=list)  # as they left it
    both: list[Difference] = field(default_factory=list)  # as it was typed


def page_snapshot(sheet: PageState) -> str:
    """All that the page shows of a sheet, for its hidden field."""
    promise_types = {str(promised.promise_type): promise_values(promised) for promised in sheet.promises}
    return json.dumps({"profile": sheet.profile, "contact": sheet.contact, "promises": promise_types})


def promise_values(promised: PromiseData) -> list:
    return [promised.quantity, *map(list, (promised.grades, promised.months, promised.schools)), promised.note]


def merge_edits(answers: PledgeAnswers, now: PageState) -> EditConflict:
    """What was typed on a page that is out of date, joined with how the pledge stands now."""
    base, data = concurrent_edit.read(answers.shown), answers.data.copy()
    found = EditConflict(answers, *last_change(now))
    for name, (model, prefix) in FORMS.items():
        typed = answers.typed()[name]
        merge_fields(found, model, prefix, data, base.get(name), typed, getattr(now, name))
    merge_promises(found, data, base.get("promises"), answers.promised, now.promises)
    data["version"], data["shown"] = now.version, page_snapshot(now)
    found.answers = PledgeAnswers(data, MultiValueDict())
    found.answers.has_file = answers.has_file
    return found


def merge_fields(found: EditConflict, model, prefix: str, data: QueryDict, base, typed: dict, now: dict) -> None:
    base = base if isinstance(base, dict) else {}
    for name, value in typed.items():
        theirs = now[name]
        if value == theirs or theirs == base.get(name):
            continue
        words = [in_words(model(), name, each) for each in (theirs, value)]
        difference = Difference(str(model._meta.get_field(name).verbose_name), *words)
        if value != base.get(name):
            found.both.append(difference)
            continue
        found.taken.append(difference)
        if theirs is False:
            data.pop(prefix + name, None)
        else:
            data[prefix + name] = "on" if theirs is True else theirs


def merge_promises(
    found: EditConflict, data: QueryDict, base, typed: list[PromiseData], now: list[PromiseData]
) -> None:
    base = base if isinstance(base, dict) else {}
    known = Checklist.of([*typed, *now])
    ours, theirs = ({one.promise_type: one for one in some} for some in (typed, now))
    for pk, promise_type in known.promise_types.items():
        mine, stands = ours.get(pk), theirs.get(pk)
        values = [one and promise_values(one) for one in (mine, stands)]
        before = base.get(str(pk))
        if values[0] == values[1] or values[1] == before:
            continue
        words = [promises.promise_in_words(one, known) if one else _("not promised") for one in (stands, mine)]
        difference = Difference(promise_type.localized_name, *words)
        if values[0] != before:
            found.both.append(difference)
        else:
            found.taken.append(difference)
            (PromiseAnswer.standing(stands) if stands else PromiseAnswer(pk)).put(data)


def last_change(sheet: PageState) -> tuple[str, datetime | None]:
    """Who changed last what the page shows, in the reader's words, and when."""
    shown = [row for row in (sheet.pledge, sheet.organization, sheet.contact_row) if row]
    change = AuditEntry.objects.about_any(shown).order_by("-created_at", "-pk").first()
    if change is None:
        return _("somebody"), None
    if change.actor_kind != AuditEntry.ActorKind.GUEST:
        return _("our staff"), change.created_at
    if sheet.is_signed and sheet.pledge.signed_at == sheet.pledge.changed_at:
        return sheet.pledge.signed_by, change.created_at
    return _("somebody who has this link"), change.created_at
