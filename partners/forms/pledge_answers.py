"""The submitted page of a pledge, as entered, so that nothing is lost when the form is shown again."""

import re
from itertools import chain

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation
from imagine.core.unsaved_answers import leave_unchecked
from partners.forms.pledge import PledgeContactForm, ProfileForm, SignForm
from partners.forms.promise import PromiseForm, read_answers, submitted_positions, write_answers
from partners.models import MAX_PROMISES_PER_TYPE, Pledge
from partners.pledges import editing as pledge_editing
from partners.pledges import promises
from partners.pledges.page_state import PageState
from partners.pledges.promises import Checklist, Problem, PromiseData

BLANK = {"quantity": [""], "where": ["anywhere"]}  # another promise of a type
TICKED = re.compile(r"promise-([0-9]{1,9})-ticked")


class PledgeAnswers:
    """All forms of the submitted page."""

    def __init__(self, data: QueryDict, files: MultiValueDict):
        self.data, self.version, self.shown = data, data.get("version", ""), data.get("shown", "")
        self.is_signing, self.has_file = "sign" in data, bool(files.get("logo"))
        self.profile = ProfileForm(data, files, auto_id="id_%s")
        self.contact = PledgeContactForm(data, prefix="contact") if "contact-name" in data else None
        self.signer = SignForm(data, prefix="sign") if self.is_signing else unsent_signature(data)
        ticked = {int(found[1]) for name in data if (found := TICKED.fullmatch(name))}
        submitted = {promise_type: submitted_forms(promise_type, data) for promise_type in sorted(ticked)}
        self.promise_forms = {promise_type: forms for promise_type, forms in submitted.items() if forms[0].is_ticked}
        self.problems: list[str] = []  # those that belong to no field

    def is_valid(self) -> bool:
        """Return whether the syntax of all forms is valid. The rules check the rest."""
        forms = [self.profile, self.contact, self.signer, *chain(*self.promise_forms.values())]
        are_valid = [form.is_valid() for form in forms if form and form.is_bound]
        return all(are_valid)

    @cached_property
    def promised(self) -> list[PromiseData]:
        return [form.promise_data() for form in chain(*self.promise_forms.values())]

    def entered_data(self) -> dict:
        """Return the cleaned answers, for the rules."""
        return {
            "profile": self.profile.profile(),
            "contact": self.contact.cleaned_data if self.contact else {},
            "promised": self.promised,
        }

    def write(self, token: str) -> Pledge:
        """Save or sign, depending on the button that was clicked."""
        data = {"version": self.version, "logo": self.profile.png(), **self.entered_data()}
        data["language"] = data["contact"].get("language", "")
        if not self.is_signing:
            return pledge_editing.save_draft(token, **data)
        signer = self.signer.cleaned_data
        return pledge_editing.sign_pledge(token, **data, name=signer["name"], role=signer["role"])

    def is_valid_for(self, state: PageState) -> bool:
        """Return whether the answers are valid if the organization may keep a saved name that looks like a web address.

        If not, add the problems that the rules would find, so that all errors show at once.
        """
        if state.organization:
            self.profile.allow_name(state.organization.name)
        if self.is_valid():
            return True
        checklist = Checklist.of([*self.promised, *state.promises])
        self.add_problems(promises.find_problems(self.promised, checklist, kept=state.promises if state.pledge else ()))
        if self.is_signing and not self.promised:
            self.problems.append(_("Choose at least one promise before you sign."))
        return False

    def add(self, refused: RuleViolation) -> None:
        """Add a rule's message, to its field if it has one."""
        if isinstance(refused, pledge_editing.InvalidPromises):
            self.add_problems(refused.problems)
        else:
            self.problems.append(str(refused))

    def add_problems(self, problems: list[Problem]) -> None:
        for problem in problems:
            self.promise_forms[problem.promise_type][problem.position - 1].add_problem(problem)

    def forms_of(self, promise_type_id: int) -> list[PromiseForm]:
        """Return the submitted forms of a promise type, ticked or not."""
        return self.promise_forms.get(promise_type_id) or submitted_forms(promise_type_id, self.data)

    def as_entered(self) -> None:
        """Show what was entered without checking it, because nothing is saved."""
        for form in (self.profile, self.contact, self.signer, *chain(*self.promise_forms.values())):
            if form and form.is_bound:
                leave_unchecked(form)


def submitted_forms(promise_type_id: int, data: QueryDict) -> list[PromiseForm]:
    return [PromiseForm(promise_type_id, position, data) for position in submitted_positions(data, promise_type_id)]


# Add and remove promises of a type ------------------------------------------------------------------------------------


def with_one_more(answers: PledgeAnswers, promise_type_id: int) -> PledgeAnswers:
    """Return the entered answers with another, empty promise of a type."""
    return changed_promises(answers, promise_type_id, [*read_answers(answers.data, promise_type_id), BLANK])


def with_one_less(answers: PledgeAnswers, promise_type_id: int, position: int) -> PledgeAnswers:
    """Return the entered answers without one promise of a type."""
    kept = [
        fields
        for place, fields in zip(
            submitted_positions(answers.data, promise_type_id),
            read_answers(answers.data, promise_type_id),
            strict=True,
        )
        if place != position
    ]
    return changed_promises(answers, promise_type_id, kept)


def changed_promises(answers: PledgeAnswers, promise_type_id: int, promises: list) -> PledgeAnswers:
    data = answers.data.copy()
    write_answers(data, promise_type_id, promises[:MAX_PROMISES_PER_TYPE])
    changed = PledgeAnswers(data, MultiValueDict())
    changed.has_file = answers.has_file
    changed.as_entered()
    if promises:
        changed.forms_of(promise_type_id)[-1].fields["quantity"].widget.attrs["autofocus"] = True
    return changed


def unsent_signature(data: QueryDict) -> SignForm:
    """Return the signature as entered, for when another button was clicked."""
    return SignForm(prefix="sign", initial={name: data.get(f"sign-{name}", "") for name in ("name", "role", "may")})
