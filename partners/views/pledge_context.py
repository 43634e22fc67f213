"""The template contexts of the pages behind a pledge's link."""

from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q
from django.forms import Form
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from imagine.core.forms import unshare
from partners import formatting as partner_formatting
from partners.forms import ContactForm, ProfileForm, SignForm
from partners.models import MONTHS, Grade, Logo, PledgeYear, PromiseType, School
from partners.pledges import edit_conflicts
from partners.pledges.form_data import PledgeAnswers, PromiseAnswer
from partners.pledges.page_state import PageState
from partners.pledges.promises import localized_field, month_name, signed_amount

# The first control of each answer below a promise, as its id goes on after the promise's own.
ANCHOR_SUFFIXES = {
    "promise_type": "",
    "quantity": "-quantity",
    "schools": "-anywhere",
    "grades": "-grades-0",
    "months": "-months-0",
    "note": "-note",
}
ABOUT, ADDRESS = ("description", "website", "logo", "no_logo"), ("phone", "address", "size")


@dataclass(frozen=True)
class SchoolLevel:
    label: str
    schools: list[tuple[int, str, bool]]  # primary key, name, whether it is chosen

    @property
    def chosen(self) -> int:
        return sum(is_chosen for _pk, _name, is_chosen in self.schools)


class PromiseError(NamedTuple):
    """An error in an answer below a promise, and the id of its field."""

    said: str
    anchor: str


@dataclass(frozen=True)
class PromiseCard:
    """One promise type on the page."""

    promise_type: PromiseType
    line: PromiseAnswer
    known_schools: list[School]

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def mistakes(self) -> list[PromiseError]:
        ids = {place: f"{self.name}{ending}" for place, ending in ANCHOR_SUFFIXES.items()}
        return [PromiseError(said, ids[place]) for place, said in self.line.errors.items()]

    @property
    def grades(self) -> list[tuple[str, str, bool]]:
        return [(grade.value, grade.label, grade.value in self.line.grades) for grade in Grade]

    @property
    def months(self) -> list[tuple[int, str, bool]]:
        return [(number, month_name(number), str(number) in self.line.months) for number in MONTHS]

    @cached_property
    def levels(self) -> list[SchoolLevel]:
        """Each level with schools to choose from. Retired ones are offered if they are chosen."""
        chosen = self.line.schools
        found: dict[str, list] = {level: [] for level in School.Level}
        for school in self.known_schools:
            is_chosen = str(school.pk) in chosen
            if is_chosen or not school.is_retired:
                found[school.level].append((school.pk, school.name, is_chosen))
        return [SchoolLevel(School.Level(level).label, schools) for level, schools in found.items() if schools]


def pledge_page_context(state: PageState, answers: PledgeAnswers | None = None) -> dict:
    """The page with the saved values, or with what was sent."""
    kept = {promised.promise_type: promised for promised in state.promises}
    promise_types = PromiseType.objects.filter(Q(is_retired=False) | Q(pk__in=kept))
    schools = list(School.objects.filter(Q(is_retired=False) | Q(pk__in=places(state))))
    standing = {promise_type: PromiseAnswer.standing(promised) for promise_type, promised in kept.items()}
    cards = [
        PromiseCard(
            promise_type,
            answers.line(promise_type.pk)
            if answers
            else standing.get(promise_type.pk) or PromiseAnswer(promise_type.pk),
            schools,
        )
        for promise_type in promise_types
    ]
    organization = state.organization
    forms = page_forms(state, answers)
    page = {
        "state": state,
        "year": state.year,
        "pledge": state.pledge,
        "version": answers.version if answers else state.version,
        "shown": answers.shown if answers else edit_conflicts.page_snapshot(state),
        "dropped": retired_promises(state),
        "cards": cards,
        **forms,
        "email": getattr(state.answering_contact or state.pledge_request, "email", ""),
        "has_logo": organization is not None and Logo.objects.filter(organization=organization).exists(),
        "is_about_open": is_expanded(forms["profile"], ABOUT),
        "is_address_open": is_expanded(forms["profile"], ADDRESS),
        "choose_again": bool(answers and answers.has_file and not answers.profile.has_error("logo")),
    }
    return page | page_errors(page, answers)


def page_forms(state: PageState, answers: PledgeAnswers | None) -> dict[str, Form | None]:
    forms = {
        "profile": answers.profile if answers else ProfileForm(initial=state.profile),
        "contact": contact_form(state, answers),
        "signer": answers.signer if answers else SignForm(prefix="sign"),
    }
    for form in filter(None, forms.values()):
        unshare(form)
    return forms


def page_errors(page: dict, answers: PledgeAnswers | None) -> dict:
    """All errors and their number."""
    if answers is None:
        return {"errors": 0}
    forms = [form for form in (page["profile"], page["contact"], page["signer"]) if form]
    offered = {card.promise_type.pk for card in page["cards"]}
    gone = [line for promise_type, line in answers.lines.items() if promise_type not in offered]
    problems = answers.problems + [said for line in gone for said in line.errors.values()]
    count = sum(len(form.errors) for form in forms) + sum(len(card.mistakes) for card in page["cards"])
    return {"errors": count + len(problems), "forms": forms, "problems": problems}


def retired_promises(state: PageState) -> list[str]:
    """Names of last year's promises that can't be proposed again."""
    if not state.previous_pledge:
        return []
    proposed = [promised.promise_type for promised in state.promises]
    return [
        promise_type.localized_name
        for promise_type in PromiseType.objects.filter(promises__pledge=state.previous_pledge).exclude(pk__in=proposed)
    ]


def places(state: PageState) -> set[int]:
    return {school for promised in state.promises for school in promised.schools}


def is_expanded(form: ProfileForm, names: tuple[str, ...]) -> bool:
    """Whether a details element has a value or an error and should be open."""
    return any(form[name].value() or form[name].errors for name in names)


def contact_form(state: PageState, answers: PledgeAnswers | None) -> ContactForm | None:
    """There is none if staff deleted the contact."""
    if not (state.answering_contact or state.pledge_request):
        return None
    return (answers and answers.contact) or ContactForm(prefix="contact", initial=state.contact)


def thanks_page_context(state: PageState) -> dict:
    signature = state.pledge.signatures.order_by("-number").first()
    lines = [signed_promise_line(promise) for promise in signature.content["promises"]]
    return {
        "state": state,
        "organization": state.organization,
        "name": signature.content["organization"],
        "year": state.year,
        "signature": signature,
        "email": getattr(state.answering_contact, "email", ""),
        "lines": lines,
        "needs_clearance": any(line["needs_clearance"] for line in lines),
    }


def closed_page_context(state: PageState) -> dict:
    """What the link shows while nothing can be saved."""
    return (
        thanks_page_context(state)
        if state.is_signed
        else {"state": state, "year": state.year, "next_year": next_year()}
    )


def next_year() -> PledgeYear | None:
    """The school year that opens next."""
    return PledgeYear.objects.filter(opens_on__gt=timezone.localdate()).order_by("opens_on").first()


def signed_promise_line(promise: dict) -> dict:
    parts = [
        partner_formatting.month_spans(promise["months"]),
        ", ".join(promise["schools"]) or _("wherever it is needed most"),
    ]
    return {
        "illustration": PromiseType(code=promise["promise_type"]).illustration,
        "name": localized_field(promise, "name"),
        "amount": signed_amount(promise),
        "grades": partner_formatting.grade_spans(promise["grades"]),
        "where": capfirst(" · ".join(part for part in parts if part)),
        "note": promise["note"],
        "needs_clearance": promise["needs_clearance"],
    }
