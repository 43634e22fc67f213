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
        error_messages={"required": _("Write the name of your organization.")},
    )
    name = NameField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Write your name, so that we know who asks.")},
    )
    email = AddressField(
        label=_("Email"),
        max_length=254,
        help_text=_("Your private link goes here."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Write your e-mail address: your link goes there.")},
    )

    helper = form_helper("organization", "name", "email")

    def pledge_request(self) -> PledgeRequest:
        """Return the unsaved request, in the page's language."""
        return PledgeRequest(language=get_language(), **self.cleaned_data)
