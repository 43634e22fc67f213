from crispy_forms.helper import FormHelper
from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Field, form_helper
from partners.directory.queries import MAX_LENGTH_SEARCH


class SearchForm(forms.Form):
    """Search the public directory within the current year and sector."""

    year = forms.CharField(widget=forms.HiddenInput)
    sector = forms.CharField(widget=forms.HiddenInput)
    q = forms.CharField(
        label=_("Partner name"),
        max_length=MAX_LENGTH_SEARCH,
        required=False,
        widget=forms.SearchInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, parameters: dict, promise_types: list[tuple[str, str]]):
        """`parameters` are the parameters of the current URL."""
        super().__init__(initial=parameters, auto_id="%s")
        choices = [("", _("All promise types")), *promise_types]
        self.fields["kind"] = forms.ChoiceField(label=_("Promise type"), choices=choices, required=False)

    @cached_property
    def helper(self) -> FormHelper:
        kept = [name for name in ("year", "sector") if name in self.initial]
        return form_helper(*kept, Field("q", label_note=""), Field("kind", label_note=""))
