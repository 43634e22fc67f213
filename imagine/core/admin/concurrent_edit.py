"""Forms of staff that remember what they showed, so that nobody writes over what they have not seen (docs/rules.md)."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import gettext_lazy as _

CHANGED = "changed"  # the code of each complaint
SOMEBODY = _("Somebody else saved while you had this open. Nothing is saved yet, and what you typed is still here.")


def news(open_forms: Iterable[forms.BaseForm]) -> list[str]:
    """What to say above forms that came back for no other reason than that somebody else changed something: then there
    is nothing to correct. Empty when they did not come back, or something in them is wrong."""
    came_back = [form for form in open_forms if form.is_bound and form.errors]
    errors = [error for form in came_back for each in form.errors.as_data().values() for error in each]
    if not errors or any(error.code != CHANGED for error in errors):
        return []
    return [sentence for form in came_back for sentence in form.non_field_errors()] or [str(SOMEBODY)]


def as_text(value) -> str:
    """A value in the one spelling in which two of them are compared; times to the second, as a form sends them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    return str(getattr(value, "pk", value))


def read(shown: str | None) -> dict:
    """What a form showed, out of what came back in its hidden field; nothing when that was not what we sent."""
    try:
        shown = json.loads(shown or "{}")
    except ValueError:
        return {}
    return shown if isinstance(shown, dict) else {}


class ShownForm(forms.ModelForm):
    """A form on a row that others may change while it is open.

    What only the others changed is kept as they left it. Where both changed one field, the form comes back with both
    values, and saving once more writes the second one. A form that comes back shows everything as it is now but for
    what was typed. The row is read under its lock, which the page's transaction holds until everything is saved.
    """

    shown = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["shown"] = json.dumps(self.state(self.instance))

    def locked_row(self) -> Model:
        """The row as it stands now, locked."""
        raise NotImplementedError

    def value(self, row: Model, name: str):
        """What a field shows of a row."""
        return getattr(row, name)

    def state(self, row: Model) -> dict[str, str]:
        """All that the form shows of a row, by the field's name."""
        return {name: as_text(self.value(row, name)) for name in self.fields if hasattr(row, name)}

    def clean(self):
        answers = super().clean()
        if self.instance.pk:
            self.compare(self.locked_row())
        return answers

    def compare(self, row: Model) -> None:
        shown, now, theirs = read(self.cleaned_data.get("shown")), self.state(row), {}
        for name, value in now.items():
            typed = as_text(self.cleaned_data[name]) if name in self.cleaned_data else None
            if typed == value:
                self.cleaned_data[name] = self.value(row, name)  # not a second less, which a form drops
            elif shown.get(name) == value:
                continue
            elif self.is_theirs(name, typed, shown):
                self.cleaned_data[name] = theirs[name] = self.value(row, name)
                self.errors.pop(name, None)
            else:
                field, *said = self.complaint(name, row)
                self.add_error(field, [ValidationError(sentence, code=CHANGED) for sentence in said])
        self.changed_data = [name for name in self.changed_data if name not in theirs and name != "shown"]
        if self.errors:
            self.data = self.data.copy()
            self.data[self.add_prefix("shown")] = json.dumps(now)
            for name, value in theirs.items():
                self.show(name, value)

    def is_theirs(self, name: str, typed: str | None, shown: dict) -> bool:
        """Whether only others changed a field: it came back as it was shown, or it was not on the page."""
        if typed is not None:
            return typed == shown.get(name)
        widget = self.fields[name].widget if name in self.fields else None
        return widget is not None and widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))

    def show(self, name: str, value) -> None:
        """Puts a value into what was sent, in place of what was typed."""
        widget, key = self.fields[name].widget, self.add_prefix(name)
        if isinstance(widget, forms.MultiWidget):
            for part, suffix, half in zip(widget.widgets, widget.widgets_names, widget.decompress(value), strict=True):
                self.data[key + suffix] = part.format_value(half) or ""
        elif isinstance(widget, forms.CheckboxInput) and not value:
            self.data.pop(key, None)
        else:
            value = self.fields[name].prepare_value(value)
            self.data[key] = "" if value is None else str(value)

    def complaint(self, name: str, row: Model) -> tuple[str | None, *tuple[str, ...]]:
        """The field, and the sentences, for a change of it that met another one."""
        said = _("Somebody changed this to “%(value)s” while you had it open. Save once more to keep yours.")
        return name, said % {"value": self.in_words(row, name)}

    def in_words(self, row: Model, name: str) -> str:
        """A row's value as the form shows it."""
        value = self.value(row, name)
        if isinstance(value, datetime):
            return f"{localtime(value, get_default_timezone()):%Y-%m-%d %H:%M}"
        if isinstance(value, bool):
            return str(_("yes") if value else _("no"))
        display = getattr(row, f"get_{name}_display", None)
        return str(display() if display else value)
