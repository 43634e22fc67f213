"""An organization and its contacts as staff write them. What the partner changed meanwhile is not written over."""

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.utils.translation import gettext_lazy as _

from imagine.fields import TextField
from imagine.shown import ShownForm
from partners import profiles
from partners.models import Contact, Organization

TWICE = _("This address stands here twice.")
TWO_MAIN = _("Only one contact is the main one.")
GONE = _("A contact was erased while you had it open. Nothing was saved: open the page again.")


class OrganizationAdminForm(ShownForm):
    website = forms.URLField(
        label=_("Website"), max_length=200, required=False, assume_scheme="https", widget=AdminTextInputWidget
    )
    about = TextField(label=_("What it does"), max_length=1000, required=False, widget=AdminTextareaWidget)
    no_logo = forms.BooleanField(label=_("Take the logo away"), required=False)

    class Meta:
        model = Organization
        fields = profiles.PROFILE

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not hasattr(self.instance, "logo"):
            del self.fields["no_logo"]

    def locked_row(self) -> Organization:
        return profiles.lock(self.instance.pk)


class ContactForm(ShownForm):
    class Meta:
        model = Contact
        fields = ["name", "role", "email", "phone", "language", "is_main"]

    def locked_row(self) -> Contact:
        """As it stands; the organization's form, which is checked first, holds the lock on it."""
        return Contact.objects.get(pk=self.instance.pk)

    def _get_validation_exclusions(self):
        """Which one is the main contact is a question to all of them together."""
        return super()._get_validation_exclusions() | {"is_main"}


class ContactFormSet(forms.BaseInlineFormSet):
    def clean(self):
        super().clean()
        stay = [form for form in self.forms if form not in self.deleted_forms and hasattr(form, "cleaned_data")]
        if any("id" in form.errors for form in self.forms):
            raise forms.ValidationError(GONE)
        seen = set()
        for form in stay:
            email = form.cleaned_data.get("email", "").lower()
            if email and email in seen:
                form.add_error("email", TWICE)
            seen.add(email)
        if sum(form.cleaned_data.get("is_main", False) for form in stay) > 1:
            raise forms.ValidationError(TWO_MAIN)
