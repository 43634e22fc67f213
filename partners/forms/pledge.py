"""Forms on the page of a pledge. They validate the syntax of the answers; partners.pledges checks the rest."""

from crispy_forms.helper import FormHelper
from django import forms
from django.conf import settings
from django.core.validators import URLValidator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from imagine.core.form_layout import Checkbox, Chips, Collapsible, Include, form_helper
from imagine.core.forms import LineField, NameField, TextField, check_characters
from partners.models import Contact, Organization, Sector
from partners.organizations import logos

WEB_ADDRESS = _("Enter a web address, like https://www.example.org.")


class WebAddressField(forms.URLField):
    """Accept only http and https, because the address becomes a link on a public page."""

    default_validators = [check_characters, URLValidator(schemes=["http", "https"], message=WEB_ADDRESS)]
    default_error_messages = {"invalid": WEB_ADDRESS}

    def __init__(self, **options):
        super().__init__(assume_scheme="https", **options)


class LogoField(forms.FileField):
    """Clean an uploaded picture to the bytes of a small PNG."""

    default_error_messages = {"empty": logos.NO_PICTURE}

    def clean(self, data, initial=None) -> bytes | None:
        upload = super().clean(data, initial)
        return logos.to_png(upload) if upload else None


class ProfileForm(forms.Form):
    name = NameField(
        label=_("Organization name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": _("Enter your organization’s name.")},
    )
    sector = forms.ChoiceField(
        label=_("Type of organization"), choices=[("", _("Choose one")), *Sector.choices], required=False
    )
    description = TextField(
        label=_("About your organization"),
        max_length=1000,
        required=False,
        help_text=_("Two or three sentences. If you’re listed, anyone can read them on your partner page."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    website = WebAddressField(
        label=_("Website"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "url", "inputmode": "url"}),
    )
    logo = LogoField(
        label=_("Logo"),
        required=False,
        help_text=_("PNG, JPEG, GIF, or WebP, up to 5 MB."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    no_logo = forms.BooleanField(label=_("Remove logo"), required=False)
    size = forms.ChoiceField(
        label=_("Staff and volunteers"),
        choices=[("", _("Choose one")), *Organization.Size.choices],
        required=False,
    )
    phone = LineField(
        label=_("Organization phone"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    address = LineField(
        label=_("Street address and city"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
    )
    wants_listing = forms.BooleanField(
        label=_("List our organization in the partner directory"),
        required=False,
        help_text=_("We review your profile before it appears."),
    )

    has_logo = False  # whether to show the current logo, with a checkbox to remove it
    choose_logo_again = False  # whether a chosen file was lost, because browsers don't keep it

    @cached_property
    def helper(self) -> FormHelper:
        logo = [Include("partners/_current_logo.html", Checkbox("no_logo"))] if self.has_logo else []
        return form_helper(
            "name",
            "sector",
            Collapsible(
                _("Description, website, and logo"),
                *("description", "website", *logo, "logo"),
                Include("partners/_choose_logo_again.html"),
                is_open=self.has_logo or self.choose_logo_again,
            ),
            Collapsible(_("Phone, address, and size"), "phone", "address", "size"),
        )

    listing_helper = form_helper(Checkbox("wants_listing"))  # outside the folded profile

    def png(self) -> bytes | None:
        """Return the logo for the rules: a PNG, b"" to remove it, or None to keep it."""
        return self.cleaned_data["logo"] or (b"" if self.cleaned_data["no_logo"] else None)

    def profile(self) -> dict:
        return {name: value for name, value in self.cleaned_data.items() if name not in {"logo", "no_logo"}}

    def allow_name(self, name: str) -> None:
        """Allow a name that looks like a link if it is the organization's current name."""
        if self.has_error("name", "link") and self["name"].value().strip() == name:
            del self.errors["name"]
            self.cleaned_data["name"] = name


class PledgeContactForm(forms.Form):
    """The contact of the pledge. The email address is verified and can't be changed here."""

    name = NameField(
        label=_("Name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter the contact person’s name.")},
    )
    role = NameField(
        label=_("Role at the organization"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )
    phone = LineField(
        label=_("Phone"),
        max_length=Contact._meta.get_field("phone").max_length,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    language = forms.ChoiceField(label=_("Email language"), choices=settings.LANGUAGES, widget=forms.RadioSelect)

    helper = form_helper("name", Chips("language"), Collapsible(_("Role and phone"), "role", "phone"))


class SignForm(forms.Form):
    name = NameField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your name to sign.")},
    )
    role = NameField(
        label=_("Your role at the organization"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )
    may = forms.BooleanField(
        label=_("I’m authorized to make these promises for the organization"),
        error_messages={"required": _("Check this box to sign. If you’re not authorized, ask someone who is.")},
    )

    signs_again = False  # who signed before has confirmed that already

    @cached_property
    def helper(self) -> FormHelper:
        may = Include("partners/_sign_again.html") if self.signs_again else Checkbox("may")
        return form_helper("name", "role", may)
