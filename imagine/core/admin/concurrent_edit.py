"""Admin forms that remember what they showed, so that no one overwrites a change they haven't seen (docs/rules.md)."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from imagine.core.formatting import clock, short_date, to_the_minute

MAX_LENGTH_SHOWN = 200_000
CHANGED = "changed"  # the code of each conflict error
CHANGED_BY_OTHER = _(
    "Someone else saved changes while you were editing. Your changes aren’t saved yet. Review both, then save again."
)


def conflict_messages(open_forms: Iterable[forms.BaseForm]) -> list[str]:
    """Return the messages to show above forms that came back only because someone else changed something, and have
    nothing to correct. Return [] if they didn't come back or have other errors."""
    came_back = [form for form in open_forms if form.is_bound and form.errors]
    errors = [error for form in came_back for each in form.errors.as_data().values() for error in each]
    if not errors or any(error.code != CHANGED for error in errors):
        return []
    return [sentence for form in came_back for sentence in form.non_field_errors()] or [str(CHANGED_BY_OTHER)]


def as_text(value) -> str:
    """Return a value as text, for comparing. Times are cut to the minute, as forms send them."""
    if isinstance(value, datetime):
        return to_the_minute(value.astimezone(UTC)).isoformat()
    return str(getattr(value, "pk", value))


def parse_shown(shown: str | None) -> dict:
    """Return what a form showed, from its hidden field, or {} if the field doesn't hold what we sent."""
    try:
        shown = json.loads((shown or "{}")[:MAX_LENGTH_SHOWN])
    except (ValueError, RecursionError):  # deep nesting raises RecursionError
        return {}
    return shown if isinstance(shown, dict) else {}


class UnlabeledField(forms.BoundField):
    """A hidden field, for which the admin would draw a label."""

    def label_tag(self, *args, **kwargs) -> str:
        return ""


class ConcurrentEditForm(forms.ModelForm):
    """A form for a row that others may change while it is open.

    What only they changed stays as they left it. If both changed a field, the form comes back with both values, and
    saving again stores the second one. A form that comes back shows the current row plus what was typed. The row is
    read under a lock that the request's transaction holds until everything is saved.
    """

    shown = forms.CharField(widget=forms.HiddenInput, required=False, bound_field_class=UnlabeledField)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["shown"] = json.dumps(self.state(self.instance))

    def locked_row(self) -> Model:
        """Return the current row, locked."""
        raise NotImplementedError

    def value(self, row: Model, name: str):
        """Return what a field shows of a row."""
        return getattr(row, name)

    def state(self, row: Model) -> dict[str, str]:
        """Return everything the form shows of a row, by field name."""
        return {name: as_text(self.value(row, name)) for name in self.fields if hasattr(row, name)}

    def clean(self):
        cleaned_data = super().clean()
        if self.instance.pk:
            self.compare(self.locked_row())
        return cleaned_data

    def compare(self, row: Model) -> None:
        shown, now, theirs = parse_shown(self.cleaned_data.get("shown")), self.state(row), {}
        for name, value in now.items():
            typed = as_text(self.cleaned_data[name]) if name in self.cleaned_data else None
            if typed == value:
                self.cleaned_data[name] = self.value(row, name)  # with the seconds that a form drops
            elif shown.get(name) == value:
                continue
            elif self.changed_by_other(name, typed, shown):
                self.cleaned_data[name] = theirs[name] = self.value(row, name)
                self.errors.pop(name, None)
            else:
                field, *messages = self.conflict_error(name, row)
                self.add_error(field, [ValidationError(sentence, code=CHANGED) for sentence in messages])
        self.changed_data = [name for name in self.changed_data if name not in theirs and name != "shown"]
        if self.errors:
            self.data = self.data.copy()
            self.data[self.add_prefix("shown")] = json.dumps(now)
            for name, value in theirs.items():
                self.show(name, value)

    def changed_by_other(self, name: str, typed: str | None, shown: dict) -> bool:
        """Return whether only someone else changed a field: it came back as shown, or it wasn't on the page."""
        if typed is not None:
            return typed == shown.get(name)
        widget = self.fields[name].widget if name in self.fields else None
        return widget is not None and widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))

    def show(self, name: str, value) -> None:
        """Replace what was typed in the submitted data with this value."""
        widget, key = self.fields[name].widget, self.add_prefix(name)
        if isinstance(widget, forms.MultiWidget):
            for part, suffix, half in zip(widget.widgets, widget.widgets_names, widget.decompress(value), strict=True):
                self.data[key + suffix] = part.format_value(half) or ""
        elif isinstance(widget, forms.CheckboxInput) and not value:
            self.data.pop(key, None)
        else:
            value = self.fields[name].prepare_value(value)
            self.data[key] = "" if value is None else str(value)

    def conflict_error(self, name: str, row: Model) -> tuple[str | None, *tuple[str, ...]]:
        """Return the field and the error messages for a field that both people changed."""
        message = _("Someone else changed this to “%(value)s” while you were editing. Save again to keep yours.")
        return name, message % {"value": self.in_words(row, name)}

    def in_words(self, row: Model, name: str) -> str:
        """Return a row's value the way the form shows it."""
        value = self.value(row, name)
        if isinstance(value, datetime):
            return f"{short_date(value)}, {clock(value)}"
        if isinstance(value, date):
            return short_date(value)
        if isinstance(value, bool):
            return str(_("yes") if value else _("no"))
        display = getattr(row, f"get_{name}_display", None)
        return str(display() if display else value)
