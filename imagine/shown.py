"""Forms of staff that remember what they showed, so that nobody writes over what they have not seen (docs/rules.md)."""

import json
from datetime import UTC, datetime

from django import forms
from django.db.models import Model
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import gettext_lazy as _


def as_text(value) -> str:
    """A value in the one spelling in which two of them are compared; times to the second, as a form sends them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    return str(getattr(value, "pk", value))


def in_words(row: Model, name: str) -> str:
    """A row's value as the form shows it."""
    value = getattr(row, name, "")
    if isinstance(value, datetime):
        return f"{localtime(value, get_default_timezone()):%Y-%m-%d %H:%M}"
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    display = getattr(row, f"get_{name}_display", None)
    return str(display() if display else value)


class ShownForm(forms.ModelForm):
    """A form on a row that others may change while it is open.

    What only the others changed is kept as they left it. Where both changed one field, the form comes back with both
    values, and saving once more writes the second one. The row is read under its lock, which the page's transaction
    holds until everything is saved.
    """

    shown = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["shown"] = json.dumps(self.state(self.instance))

    def locked_row(self) -> Model:
        """The row as it stands now, locked."""
        raise NotImplementedError

    def state(self, row: Model) -> dict[str, str]:
        """What the form shows of a row, by the field's name."""
        return {name: as_text(getattr(row, name)) for name in self.fields if hasattr(row, name)}

    def clean(self):
        answers = super().clean()
        if self.instance.pk:
            self.compare(self.locked_row())
        return answers

    def compare(self, row: Model) -> None:
        shown, now, not_mine = self.what_was_shown(), self.state(row), {}
        for name, value in now.items():
            typed = as_text(self.cleaned_data[name]) if name in self.cleaned_data else None
            if typed == value:
                self.cleaned_data[name] = getattr(row, name)  # not a second less, which a form drops
            elif shown.get(name) == value:
                continue
            elif typed is not None and typed == shown.get(name):
                self.cleaned_data[name] = getattr(row, name)
                not_mine[name] = typed  # the form comes back with the old value in it, which is still not theirs
            else:
                self.add_error(*self.complaint(name, in_words(row, name)))
                if name not in self.fields:  # nothing typed here can settle it: it stays until the page is opened anew
                    not_mine[name] = shown.get(name, "")
        self.changed_data = [name for name in self.changed_data if name not in not_mine and name != "shown"]
        if self.errors:
            self.data = self.data.copy()
            self.data[self.add_prefix("shown")] = json.dumps(now | not_mine)

    def what_was_shown(self) -> dict[str, str]:
        try:
            shown = json.loads(self.cleaned_data.get("shown") or "{}")
        except ValueError:
            shown = {}
        return shown if isinstance(shown, dict) else {}

    def complaint(self, name: str, value: str) -> tuple[str | None, str]:
        """The field and the sentence for a change that met another one."""
        said = _("Somebody changed this to “%(value)s” while you had it open. Save once more to keep yours.")
        return name, said % {"value": value}
