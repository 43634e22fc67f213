"""The form for a promise on the page of a pledge. It checks the syntax; partners.pledges.promises checks the rest."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django import forms
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imagine.core.form_layout import Chips, Collapsible, Field, Include, Radios, form_helper
from imagine.core.forms import TextField
from partners.models import MONTHS, Grade, PromiseType, School
from partners.pledges.promises import MAX_LENGTH_NOTE, Problem, PromiseData, month_name

WITH_COMMAS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,9}")
ANY = gettext_lazy("(leave blank for any)")
NOTE = gettext_lazy("Note for schools")
NO_STUDENTS = gettext_lazy("Please don’t name students.")
# The form fields that show problems of other fields.
FIELDS_OF_PROBLEMS = {"promise_type": "ticked", "schools": "where"}


def parse_whole_number(text: str) -> int:
    """Return the number, or 0 if the text is none; the rules reject 0."""
    return int(text.replace(",", "")) if WITH_COMMAS.fullmatch(text) else 0


def month_choices() -> list[tuple[int, str]]:
    return [(number, month_name(number)) for number in MONTHS]


class QuantityField(forms.Field):
    def bound_data(self, data: str | None, _initial: object) -> str:
        return (data or "").strip()

    def clean(self, value: str | None) -> int:
        return parse_whole_number(self.bound_data(value, None))


class UncheckedChoicesField(forms.TypedMultipleChoiceField):
    """Multiple choices that are not validated here, because the rules check them."""

    widget = forms.CheckboxSelectMultiple

    def valid_value(self, _value: str) -> bool:
        return True


@dataclass(frozen=True)
class SchoolLevel:
    label: str
    schools: list[tuple[str, str, bool]]  # primary key, name, whether it is chosen

    @property
    def chosen(self) -> int:
        return sum(is_chosen for _pk, _name, is_chosen in self.schools)


class PromiseForm(forms.Form):
    """A promise type of the checklist. The other fields count only if it is ticked."""

    ticked = forms.BooleanField(required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"}))
    quantity = QuantityField(
        label=gettext_lazy("How many"),
        widget=forms.TextInput(attrs={"class": "num", "inputmode": "numeric", "autocomplete": "off"}),
    )
    where = forms.ChoiceField(
        label=gettext_lazy("Where"),
        choices=[
            ("anywhere", gettext_lazy("Wherever it is needed most")),
            ("somewhere", gettext_lazy("At specific schools")),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    schools = UncheckedChoicesField(coerce=parse_whole_number, required=False)
    grades = UncheckedChoicesField(label=gettext_lazy("Grades"), choices=Grade.choices, required=False)
    months = UncheckedChoicesField(
        label=gettext_lazy("Months"), choices=month_choices, coerce=parse_whole_number, required=False
    )
    note = TextField(
        label=NOTE,
        required=False,
        validators=[MaxLengthValidator(MAX_LENGTH_NOTE)],
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    helper = form_helper(
        Include(
            "partners/_promise_card.html",
            Field("quantity", template="partners/_promise_quantity.html"),
            Radios("where"),
            Field("schools", template="partners/_promise_schools.html"),
            Chips("grades", label_note=ANY, wrapper_class="full-width"),
            Chips("months", label_note=ANY, wrapper_class="full-width", grid=True),
            Collapsible(NOTE, Field("note", label_note="", hide_label=True), hint=NO_STUDENTS, css_class="full-width"),
        )
    )
    promise_type: PromiseType
    school_levels: list[SchoolLevel]

    def __init__(self, promise_type_id: int, data: QueryDict | None = None, promise: PromiseData | None = None):
        """`data` are the submitted answers, and `promise` is the saved promise."""
        self.promise_type_id = promise_type_id
        super().__init__(
            data,
            auto_id="%s",
            prefix=f"promise-{promise_type_id}",
            initial=initial_answers(promise),
            empty_permitted=True,
            use_required_attribute=False,
        )
        self.fields["ticked"].widget.attrs["id"] = self.prefix

    @property
    def is_ticked(self) -> bool:
        return bool(self["ticked"].value())

    def has_changed(self) -> bool:
        """Return whether the form is ticked, because `empty_permitted` skips validating unchanged forms."""
        return self.is_ticked

    def clean_note(self) -> str:
        return " ".join(self.cleaned_data["note"].split())

    def clean(self) -> None:
        if self.cleaned_data.get("where") == "somewhere" and not self.cleaned_data["schools"]:
            self.add_error("where", _("Select at least one school, or choose “Wherever it is needed most.”"))

    def promise_data(self) -> PromiseData:
        answers = self.cleaned_data
        return PromiseData(
            self.promise_type_id,
            answers["quantity"],
            tuple(answers["grades"]),
            tuple(answers["months"]),
            tuple(answers["schools"]) if answers.get("where") == "somewhere" else (),
            answers.get("note", ""),
        )

    def add_problem(self, problem: Problem) -> None:
        """Show a problem that a rule found, unless its field has an error already."""
        name = FIELDS_OF_PROBLEMS.get(problem.field, problem.field)
        if not self.has_error(name):
            self.add_error(name, problem.message)

    # Rendering -------------------------------------------------------------------------------------------------------

    def offer(self, promise_type: PromiseType, schools: Iterable[School]) -> None:
        """Set the texts and choices to show with the answers. A retired school is offered only if it is chosen."""
        self.promise_type = promise_type
        self["quantity"].help_text = promise_type.localized_units
        self["note"].help_text = promise_type.localized_example
        self.school_levels = self.levels_of(schools)

    def levels_of(self, schools: Iterable[School]) -> list[SchoolLevel]:
        chosen = set(map(str, self["schools"].value() or ()))
        levels: dict[str, list[tuple[str, str, bool]]] = {level: [] for level in School.Level}
        for school in schools:
            pk = str(school.pk)
            if pk in chosen or not school.is_retired:
                levels[school.level].append((pk, school.name, pk in chosen))
        return [SchoolLevel(str(School.Level(level).label), schools) for level, schools in levels.items() if schools]


def initial_answers(promise: PromiseData | None) -> dict:
    """Return the answers for a saved promise, or the defaults if there is none."""
    if promise is None:
        return {"where": "anywhere"}
    return {
        "ticked": True,
        "quantity": promise.quantity,
        "where": "somewhere" if promise.schools else "anywhere",
        "schools": promise.schools,
        "grades": promise.grades,
        "months": promise.months,
        "note": promise.note,
    }


def overwrite_answers(data: QueryDict, promise_type_id: int, promise: PromiseData | None) -> None:
    """Replace the submitted answers of a promise type with a saved promise, or clear them if there is none."""
    answers = initial_answers(promise)
    for name in PromiseForm.base_fields:
        key = f"promise-{promise_type_id}-{name}"
        data.pop(key, None)
        if name in answers:
            values = answers[name] if isinstance(answers[name], tuple) else (answers[name],)
            data.setlist(key, [str(value) for value in values])
