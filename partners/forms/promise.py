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
from partners.formatting import grade_spans, month_spans
from partners.models import MAX_PROMISES_PER_TYPE, MONTHS, Grade, PromiseType, School
from partners.pledges.promises import MAX_LENGTH_NOTE, Problem, PromiseData, month_name

WITH_COMMAS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]{1,9}")
FIRST = 1  # the promise of a type that its checkbox stands for
ANY = gettext_lazy("(leave blank for any)")
NOTE = gettext_lazy("Note for schools")
NOTE_HINT = gettext_lazy("If you’re listed in the directory, anyone can read it there. Please don’t name students.")
WHERE_UNKNOWN = gettext_lazy("Choose where: at specific schools, or wherever it is needed most.")
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


class GradesAndMonths(Collapsible):
    """Open for a new promise; once they are answered, their summary says what was chosen."""

    template = "partners/_grades_and_months.html"

    def has_to_show(self, form, bound_fields) -> bool:
        return not form.is_saved or any(field.errors for field in bound_fields)


@dataclass(frozen=True)
class SchoolLevel:
    label: str
    schools: list[tuple[str, str, bool]]  # primary key, name, whether it is chosen

    @property
    def chosen(self) -> int:
        return sum(is_chosen for _pk, _name, is_chosen in self.schools)


class PromiseForm(forms.Form):
    """One promise of a type of the checklist. It counts only if the type is ticked, on the form of the first one."""

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
        error_messages={"invalid_choice": WHERE_UNKNOWN},
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
            "partners/_promise_fields.html",
            Field("quantity", template="partners/_promise_quantity.html"),
            Radios("where"),
            Field("schools", template="partners/_promise_schools.html"),
            GradesAndMonths(
                gettext_lazy("Grades and months"),
                Chips("grades", label_note=ANY),
                Chips("months", label_note=ANY, grid=True),
                css_class="full-width",
            ),
            Collapsible(NOTE, Field("note", label_note="", hide_label=True), hint=NOTE_HINT, css_class="full-width"),
        )
    )
    promise_type: PromiseType
    school_levels: list[SchoolLevel]

    def __init__(
        self,
        promise_type_id: int,
        position: int = FIRST,
        data: QueryDict | None = None,
        promise: PromiseData | None = None,
    ):
        """`data` are the submitted answers, and `promise` is the saved promise. `position` counts those of a type."""
        self.promise_type_id, self.position, self.is_saved = promise_type_id, position, promise is not None
        super().__init__(
            data,
            auto_id="%s",
            prefix=form_prefix(promise_type_id, position),
            initial=initial_answers(promise),
            empty_permitted=True,
            use_required_attribute=False,
        )
        if position == FIRST:
            self.fields["ticked"].widget.attrs["id"] = self.prefix
        else:
            del self.fields["ticked"]

    @property
    def is_ticked(self) -> bool:
        return "ticked" not in self.fields or bool(self["ticked"].value())

    def has_changed(self) -> bool:
        """Return whether the form is ticked, because `empty_permitted` skips validating unchanged forms."""
        return self.is_ticked

    def clean_note(self) -> str:
        return " ".join(self.cleaned_data["note"].split())

    def clean(self) -> None:
        where, schools = self.cleaned_data.get("where"), self.cleaned_data["schools"]
        if where == "somewhere" and not schools:
            self.add_error("where", _("Select at least one school, or choose “Wherever it is needed most.”"))
        elif where == "" and schools:  # the choice was lost on its way here
            self.add_error("where", WHERE_UNKNOWN)

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
        name = name if name in self.fields else "quantity"
        if not self.has_error(name):
            self.add_error(name, problem.message)

    # Rendering -------------------------------------------------------------------------------------------------------

    @property
    def heading_ids(self) -> str:
        """Return the ids of the headings that this form's groups of fields are named by."""
        card = f"{form_prefix(self.promise_type_id)}-h"
        return card if self.position == FIRST else f"{card} {self.prefix}-h"

    @property
    def grades_and_months(self) -> str:
        """Return what is chosen, such as "grades 4–6, Oct–Dec", or "any"."""
        chosen = (
            grade_spans(map(str, self["grades"].value() or ())),
            month_spans(parse_whole_number(str(month)) for month in self["months"].value() or ()),
        )
        return ", ".join(filter(None, chosen)) or _("any")

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


def form_prefix(promise_type_id: int, position: int = FIRST) -> str:
    return f"promise-{promise_type_id}" if position == FIRST else f"promise-{promise_type_id}-{position}"


class PromiseCard:
    """A promise type of the checklist, with a form for each promise of it."""

    def __init__(self, promise_type: PromiseType, forms: list[PromiseForm], schools: Iterable[School]):
        self.promise_type, self.forms, self.name = promise_type, forms, form_prefix(promise_type.pk)
        for form in forms:
            form.offer(promise_type, schools)

    @property
    def first(self) -> PromiseForm:
        return self.forms[0]

    @property
    def may_add(self) -> bool:
        return len(self.forms) < MAX_PROMISES_PER_TYPE


# Submitted answers ---------------------------------------------------------------------------------------------------


def submitted_positions(data: QueryDict, promise_type_id: int) -> list[int]:
    """Return the positions of the submitted promises of a type. There may be gaps, where one was removed."""
    pattern = re.compile(rf"promise-{promise_type_id}-([0-9]{{1,2}})-quantity")
    others = sorted({int(found[1]) for name in data if (found := pattern.fullmatch(name))} - {0, FIRST})
    return [FIRST, *others]


def read_answers(data: QueryDict, promise_type_id: int) -> list[dict[str, list[str]]]:
    """Return the submitted answers to each promise of a type, by field."""
    prefixes = [form_prefix(promise_type_id, position) for position in submitted_positions(data, promise_type_id)]
    return [
        {
            name: data.getlist(f"{prefix}-{name}")
            for name in PromiseForm.base_fields
            if name != "ticked" and f"{prefix}-{name}" in data
        }
        for prefix in prefixes
    ]


def write_answers(data: QueryDict, promise_type_id: int, answers: list[dict[str, list[str]]]) -> None:
    """Replace the submitted answers to the promises of a type, and tick it if there are any."""
    prefixes = tuple(
        f"{form_prefix(promise_type_id, position)}-{name}"
        for position in submitted_positions(data, promise_type_id)
        for name in PromiseForm.base_fields
    )
    for key in prefixes:
        data.pop(key, None)
    if answers:
        data[f"{form_prefix(promise_type_id)}-ticked"] = "on"
    for position, fields in enumerate(answers, start=FIRST):
        for name, values in fields.items():
            data.setlist(f"{form_prefix(promise_type_id, position)}-{name}", values)


def overwrite_answers(data: QueryDict, promise_type_id: int, promises: Iterable[PromiseData]) -> None:
    """Replace the submitted answers to the promises of a type with saved promises."""
    write_answers(data, promise_type_id, [answers_for(promise) for promise in promises])


def answers_for(promise: PromiseData) -> dict[str, list[str]]:
    answers = {name: value for name, value in initial_answers(promise).items() if name != "ticked"}
    return {
        name: [str(each) for each in (value if isinstance(value, tuple) else (value,))]
        for name, value in answers.items()
    }
