"""Forms of staff that remember what they showed, so that nobody writes over what they have not seen (DESIGN, 8.6)."""

import json
from datetime import UTC, datetime

from django import forms
from django.db.models import Model
from django.utils.translation import gettext_lazy as _


def as_text(value) -> str:
    """A value in the one spelling in which two of them are compared; times to the second, as a form sends them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    return str(getattr(value, "pk", value))


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
        try:
            shown = json.loads(self.cleaned_data.get("shown") or "{}")
        except ValueError:
            shown = {}
        now, not_mine = self.state(row), {}
        for name in [name for name in now if shown.get(name) != now[name]]:
            if name in self.cleaned_data and as_text(self.cleaned_data[name]) == shown.get(name):
                self.cleaned_data[name] = getattr(row, name)
                not_mine[name] = shown[name]  # the form comes back with the old value in it, which is still not theirs
            elif name not in self.cleaned_data or as_text(self.cleaned_data[name]) != now[name]:
                self.add_error(*self.complaint(name, now[name]))
        if self.errors:
            self.data = self.data.copy()
            self.data[self.add_prefix("shown")] = json.dumps(now | not_mine)

    def complaint(self, name: str, value: str) -> tuple[str | None, str]:
        """The field and the sentence for a change that met another one."""
        said = _("Somebody changed this to “%(value)s” while you had it open. Save once more to keep yours.")
        return name, said % {"value": value}
