from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import form_helper
from imagine.core.forms import AddressField, NameField
from partners.models import PledgeRequest


class BeginForm(forms.Form):
    """Request the link to start a pledge."""

    organization = NameField(
        label=_("Organization"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": _("Enter your organization’s name.")},
    )
    name = NameField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your name.")},
    )
    email = AddressField(
        label=_("Email"),
        max_length=254,
        help_text=_("We’ll send your personal link here."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter your email address.")},
    )

    helper = form_helper("organization", "name", "email")

    def pledge_request(self) -> PledgeRequest:
        """Return the unsaved request, in the page's language."""
        return PledgeRequest(language=get_language(), **self.cleaned_data)
