"""Build the template contexts of the pages behind a pledge's link."""

from collections.abc import Iterable

from django.db.models import Q
from django.forms import Form
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from partners import formatting as partner_formatting
from partners.forms import edit_conflicts
from partners.forms.pledge import PledgeContactForm, ProfileForm, SignForm
from partners.forms.pledge_answers import PledgeAnswers
from partners.forms.promise import FIRST, PromiseCard, PromiseForm
from partners.models import Logo, Pledge, PledgeYear, PromiseType, School
from partners.pledges.page_state import PageState
from partners.pledges.promises import PromiseData, by_type, localized_field, signed_amount
from partners.signals import PageLink, pledge_page_asked


def pledge_page_context(state: PageState, answers: PledgeAnswers | None = None) -> dict:
    """Return the context of the page with the saved values or the submitted ones."""
    kept = by_type(state.promises)
    promise_types = PromiseType.objects.filter(Q(is_retired=False) | Q(pk__in=kept))
    schools = list(School.objects.filter(Q(is_retired=False) | Q(pk__in=chosen_schools(state))))
    cards = [
        PromiseCard(
            promise_type,
            answers.forms_of(promise_type.pk) if answers else saved_forms(promise_type.pk, kept.get(promise_type.pk)),
            schools,
        )
        for promise_type in promise_types
    ]
    page = {
        "state": state,
        "year": state.year,
        "pledge": state.pledge,
        "version": answers.version if answers else state.version,
        "shown": answers.shown if answers else edit_conflicts.page_snapshot(state),
        "last_years_promises": last_years_promises(state),
        "dropped": retired_promises(state),
        "cards": cards,
        **page_forms(state, answers),
        "email": getattr(state.answering_contact or state.pledge_request, "email", ""),
        "more_pages": more_pages(state),
    }
    return page | page_errors(page, answers)


def saved_forms(promise_type_id: int, promises: Iterable[PromiseData] | None) -> list[PromiseForm]:
    if not promises:
        return [PromiseForm(promise_type_id)]
    return [PromiseForm(promise_type_id, position, promise=promise) for position, promise in enumerate(promises, FIRST)]


def page_forms(state: PageState, answers: PledgeAnswers | None) -> dict[str, Form | None]:
    profile = answers.profile if answers else ProfileForm(initial=state.profile)
    forms = {
        "profile": profile,
        "contact": contact_form(state, answers),
        "signer": answers.signer if answers else SignForm(prefix="sign", initial=initial_signature(state)),
    }
    forms["signer"].signs_again = state.is_signed
    organization = state.organization
    profile.has_logo = organization is not None and Logo.objects.filter(organization=organization).exists()
    profile.choose_logo_again = bool(answers and answers.has_file and not profile.has_error("logo"))
    return forms


def initial_signature(state: PageState) -> dict[str, str]:
    """Return the name and role of whoever signed last, or else of the contact, who is the likeliest to sign."""
    if state.is_signed:
        return {"name": state.pledge.signed_by, "role": state.pledge.signed_role}
    return {"name": state.contact["name"], "role": state.contact["role"]}


def page_errors(page: dict, answers: PledgeAnswers | None) -> dict:
    """Return all errors and their number."""
    if answers is None:
        return {"errors": 0}
    forms = [form for form in (page["profile"], page["contact"], page["signer"]) if form]
    promise_forms = [form for card in page["cards"] for form in card.forms]
    offered = {card.promise_type.pk for card in page["cards"]}
    gone = [form for pk, group in answers.promise_forms.items() if pk not in offered for form in group]
    problems = answers.problems + [message for form in gone for errors in form.errors.values() for message in errors]
    count = sum(len(form.errors) for form in [*forms, *promise_forms])
    return {"errors": count + len(problems), "forms": forms, "problems": problems}


def last_years_promises(state: PageState) -> list[str]:
    """Describe the promises of the pledge that is proposed again: Host tours and field trips: 6 visits."""
    if not state.previous_pledge:
        return []
    promises = state.previous_pledge.promises.select_related("promise_type")
    return [f"{promise.promise_type.localized_name}: {promise.amount}" for promise in promises]


def retired_promises(state: PageState) -> list[str]:
    """Return the names of last year's promises that can't be proposed again."""
    if not state.previous_pledge:
        return []
    proposed = [promise.promise_type for promise in state.promises]
    return [
        promise_type.localized_name
        for promise_type in PromiseType.objects.filter(promises__pledge=state.previous_pledge).exclude(pk__in=proposed)
    ]


def chosen_schools(state: PageState) -> set[int]:
    return {school for promise in state.promises for school in promise.schools}


def contact_form(state: PageState, answers: PledgeAnswers | None) -> PledgeContactForm | None:
    """Return the contact's form, or None if staff deleted the contact."""
    if not (state.answering_contact or state.pledge_request):
        return None
    return (answers and answers.contact) or PledgeContactForm(prefix="contact", initial=state.contact)


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
        "more_pages": more_pages(state),
        "lines": lines,
        "needs_clearance": any(line["needs_clearance"] for line in lines),
    }


def closed_page_context(state: PageState) -> dict:
    """Return the context of the page while no school year is open."""
    return (
        thanks_page_context(state)
        if state.is_signed
        else {"state": state, "year": state.year, "next_year": next_year()}
    )


def more_pages(state: PageState) -> list[PageLink]:
    """Return the pages of other apps that the same link opens."""
    return [page for _receiver, page in pledge_page_asked.send(Pledge, token=state.token)]


def next_year() -> PledgeYear | None:
    """Return the school year that opens next, or None."""
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
