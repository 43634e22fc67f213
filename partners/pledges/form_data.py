"""What the page of a pledge sends, kept as it was typed, so that nothing is lost when the page comes back."""

import re
from collections.abc import Iterable, Iterator

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from imagine.core.errors import RuleViolation
from imagine.core.forms import TextField
from partners.forms import ContactForm, ProfileForm, SignForm
from partners.models import Pledge, Promise
from partners.pledges import editing as pledge_editing
from partners.pledges import promises
from partners.pledges.page_state import PageState
from partners.pledges.promises import Checklist, Problem, PromiseData

TICKED = re.compile(r"promise-([0-9]{1,9})-ticked")
WHOLE = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,9}")
NOTE = TextField(required=False, max_length=Promise._meta.get_field("note").max_length)


class PromiseAnswer:
    """One promise type on the page: whether it is ticked, what was typed below it, and errors by field."""

    def __init__(self, promise_type: int):
        self.promise_type, self.name = promise_type, f"promise-{promise_type}"
        self.is_ticked, self.is_somewhere = False, False  # somewhere: at chosen schools
        self.quantity = self.note = ""
        self.grades: set[str] = set()
        self.months: set[str] = set()
        self.schools: set[str] = set()
        self.errors: dict[str, str] = {}

    @classmethod
    def typed(cls, promise_type: int, data: QueryDict) -> "PromiseAnswer":
        line = cls(promise_type)
        line.is_ticked = f"{line.name}-ticked" in data
        line.is_somewhere = data.get(f"{line.name}-where") == "somewhere"
        line.quantity, line.note = (data.get(f"{line.name}-{name}", "").strip() for name in ("quantity", "note"))
        line.grades, line.months, line.schools = (
            set(data.getlist(f"{line.name}-{name}")) for name in ("grades", "months", "schools")
        )
        return line

    @classmethod
    def standing(cls, promised: PromiseData) -> "PromiseAnswer":
        line = cls(promised.promise_type)
        line.is_ticked, line.is_somewhere = True, bool(promised.schools)
        line.quantity, line.note, line.grades = str(promised.quantity), promised.note, set(promised.grades)
        line.months, line.schools = (set(map(str, numbers)) for numbers in (promised.months, promised.schools))
        return line

    def put(self, data: QueryDict) -> None:
        """Write it into the form data."""
        for name, is_set in (("ticked", self.is_ticked), ("where", self.is_somewhere)):
            data.pop(f"{self.name}-{name}", None)
            if is_set:
                data[f"{self.name}-{name}"] = {"ticked": "on", "where": "somewhere"}[name]
        data[f"{self.name}-quantity"], data[f"{self.name}-note"] = self.quantity, self.note
        for name in ("grades", "months", "schools"):
            data.setlist(f"{self.name}-{name}", sorted(getattr(self, name)))

    def promised(self) -> PromiseData:
        """For the rules; what isn't a number becomes 0, which they reject."""
        note = ""
        try:
            note = " ".join(NOTE.clean(self.note).split())
        except ValidationError as error:
            self.errors["note"] = error.messages[0]
        if self.is_somewhere and not self.schools:
            self.errors["schools"] = _("Tick the schools, or choose wherever it is needed most.")
        return PromiseData(
            self.promise_type,
            int(self.quantity.replace(",", "")) if WHOLE.fullmatch(self.quantity) else 0,
            tuple(self.grades),
            tuple(whole_numbers(self.months)),
            tuple(whole_numbers(self.schools)) if self.is_somewhere else (),
            note,
        )


def whole_numbers(texts: Iterable[str]) -> Iterator[int]:
    return (int(text) if re.fullmatch("[0-9]{1,9}", text) else 0 for text in texts)


class PledgeAnswers:
    """The page as it was sent."""

    def __init__(self, data: QueryDict, files: MultiValueDict):
        self.data, self.version, self.shown = data, data.get("version", ""), data.get("shown", "")
        self.is_signing, self.has_file = "sign" in data, bool(files.get("logo"))
        self.profile = ProfileForm(data, files, auto_id="id_%s")
        self.contact = ContactForm(data, prefix="contact") if "contact-name" in data else None
        self.signer = SignForm(data, prefix="sign") if self.is_signing else unsent_signature(data)
        ticked = (int(found[1]) for name in data if (found := TICKED.fullmatch(name)))
        self.lines = {promise_type: PromiseAnswer.typed(promise_type, data) for promise_type in ticked}
        self.promised = [line.promised() for line in self.lines.values()]
        self.problems: list[str] = []  # that belong to no field

    def is_valid(self) -> bool:
        """Whether everything is well-formed. The rules check the meaning."""
        sent = [self.profile, self.contact, self.signer]
        are_valid = [form.is_valid() for form in sent if form and form.is_bound]
        return all(are_valid) and not any(line.errors for line in self.lines.values())

    def typed(self) -> dict:
        """Valid answers, for the rules."""
        return {
            "profile": self.profile.profile(),
            "contact": self.contact.cleaned_data if self.contact else {},
            "promised": self.promised,
        }

    def write(self, token: str) -> Pledge:
        """Save or sign, depending on the button."""
        typed = {"version": self.version, "logo": self.profile.png(), **self.typed()}
        typed["language"] = typed["contact"].get("language", "")
        if not self.is_signing:
            return pledge_editing.save_draft(token, **typed)
        signer = self.signer.cleaned_data
        return pledge_editing.sign_pledge(token, **typed, name=signer["name"], role=signer["role"])

    def is_valid_for(self, state: PageState) -> bool:
        """Whether it can be saved after all, because the organization already has a name that looks like a web address.
        If not, add what the rules would say, so that all errors show at once."""
        self.profile.allow_name(state.profile["name"])
        if self.is_valid():
            return True
        known = Checklist.of([*self.promised, *state.promises])
        self.add_problems(promises.find_problems(self.promised, known, kept=state.promises if state.pledge else ()))
        if self.is_signing and not self.promised:
            self.problems.append(_("Tick at least one promise before you sign."))
        return False

    def add(self, refused: RuleViolation) -> None:
        """Keep a rule's message, at its field if it has one."""
        if isinstance(refused, pledge_editing.InvalidPromises):
            self.add_problems(refused.problems)
        else:
            self.problems.append(str(refused))

    def add_problems(self, problems: list[Problem]) -> None:
        for problem in problems:
            self.lines[problem.promise_type].errors.setdefault(problem.field, problem.message)

    def line(self, promise_type: int) -> PromiseAnswer:
        """A promise type as it was sent, ticked or not."""
        return self.lines.get(promise_type) or PromiseAnswer.typed(promise_type, self.data)


def unsent_signature(data: QueryDict) -> SignForm:
    """The signature as typed, when another button was pressed."""
    return SignForm(prefix="sign", initial={name: data.get(f"sign-{name}", "") for name in ("name", "role", "may")})
