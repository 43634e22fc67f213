"""The forms of an RSVP's page: each guest, the whole party, and seats for a canceled one."""

from crispy_forms.helper import FormHelper
from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Chips, Collapsible, Field, Include, form_helper
from imagine.core.forms import LineField, NameField, TextField
from summit.models import Guest, Rsvp


class GuestForm(forms.ModelForm):
    """Name and needs of one guest on the RSVP's page."""

    name = NameField(label=_("Name"), max_length=100, required=False)
    dietary_needs = NameField(label=_("Food needs"), max_length=200, required=False)
    accessibility_needs = NameField(label=_("Access or language needs"), max_length=200, required=False)

    class Meta:
        model = Guest
        fields = ("name", "dietary_needs", "accessibility_needs")

    def __init__(self, guest: Guest, data=None):
        prefix = f"guest-{guest.pk}"
        sent = data is not None and any(
            f"{prefix}-{name}" in data for name in ("name", "dietary_needs", "accessibility_needs")
        )
        super().__init__(data if sent else None, instance=guest, prefix=prefix)
        self.guest, self.is_contact = guest, guest.position == 1
        if self.is_contact:
            self.fields["name"].required = True
            self.fields["name"].error_messages["required"] = _("Enter your name.")
        for name, field in self.fields.items():
            field.show_hidden_initial = True  # what the page showed, so that corrections by staff aren't overwritten
            field.widget.attrs["autocomplete"] = "name" if self.is_contact and name == "name" else "off"

    @cached_property
    def helper(self) -> FormHelper:
        note = _("(you)") if self.is_contact else "" if self.guest.name else _("(no name yet)")
        return form_helper(
            Field("name", label_note=note),
            *([] if self.is_contact else [Include("summit/_remove_guest.html")]),
            Collapsible(
                _("Food, access or language needs"),
                *("dietary_needs", "accessibility_needs"),
                template="summit/_guest_needs.html",
            ),
        )

    def typed(self) -> dict[str, str]:
        """Return what the guest changed from what the page showed, by field."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class DetailsForm(forms.ModelForm):
    """What an RSVP says of the whole party, on its page."""

    party_dietary_needs = NameField(label=_("Food needs"), max_length=200, required=False)
    party_accessibility_needs = NameField(label=_("Access or language needs"), max_length=200, required=False)
    organization_name = NameField(label=_("Organization"), max_length=120, required=False)
    phone = LineField(
        label=_("Phone"), max_length=30, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    note = TextField(label=_("Note for us"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    class Meta:
        model = Rsvp
        fields = ("party_dietary_needs", "party_accessibility_needs", "organization_name", "phone", "note")

    def __init__(self, rsvp: Rsvp, data=None):
        sent = data is not None and any(f"rsvp-{name}" in data for name in self.Meta.fields)
        super().__init__(data if sent else None, instance=rsvp, prefix="rsvp")
        self.show_party_needs = rsvp.party_size > 1 or bool(rsvp.party_dietary_needs or rsvp.party_accessibility_needs)
        for name, autocomplete in {"organization_name": "organization", "phone": "tel"}.items():
            self.fields[name].widget.attrs["autocomplete"] = autocomplete
        for field in self.fields.values():
            field.show_hidden_initial = True  # as in GuestForm

    @cached_property
    def helper(self) -> FormHelper:
        party_needs = Collapsible(
            _("Needs of anyone in your party"),
            *("party_dietary_needs", "party_accessibility_needs"),
            hint=_("Use this if you don’t know whose needs they are, or would rather not say."),
        )
        return form_helper(
            *([party_needs] if self.show_party_needs else []),
            Collapsible(_("Organization, phone, or a note for us"), "organization_name", "phone", "note"),
        )

    def typed(self) -> dict[str, str]:
        """Return what was changed from what the page showed, by field."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class ReinstateForm(forms.Form):
    """How many seats a canceled party asks for, by default as many as it had."""

    size = forms.ChoiceField(label=_("How many people, including you?"), widget=forms.RadioSelect)

    helper = form_helper(Chips("size"))

    def __init__(self, max_party_size: int, size: int, data=None):
        super().__init__(data, initial={"size": min(size, max_party_size)}, use_required_attribute=False)
        self.fields["size"].choices = [(number, number) for number in range(1, max_party_size + 1)]
