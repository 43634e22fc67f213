"""Forms of an organization and its contacts that detect changes made by the partner in the meantime."""

import re

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.utils.translation import gettext_lazy as _

from imagine.core.admin.concurrent_edit import CHANGED, ConcurrentEditForm
from imagine.core.deletion import reasons_to_keep
from imagine.core.forms import TextField
from partners.forms.pledge import LogoField
from partners.models import Contact, Organization
from partners.organizations import contacts, profiles

TWICE = _("This email is listed twice. Each contact needs a different one.")
STILL_USED = _("Another contact still has this email. Change that contact’s email and save, then enter it here.")
TWO_MAIN = _("Choose only one main contact.")
OTHER_LOGO = _(
    "Someone else changed the logo while you had this page open. Review it, then choose your file again to replace it."
)
GONE = _("A contact was deleted while you had this page open. Nothing was saved. Reload the page and try again.")


class OrganizationAdminForm(ConcurrentEditForm):
    website = forms.URLField(
        label=_("Website"), max_length=200, required=False, assume_scheme="https", widget=AdminTextInputWidget
    )
    description = TextField(label=_("Description"), max_length=1000, required=False, widget=AdminTextareaWidget)
    new_logo = LogoField(
        label=_("New logo"),
        required=False,
        help_text=_("PNG, JPEG, GIF, or WebP, up to 5 MB."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
    no_logo = forms.BooleanField(label=_("Remove logo"), required=False)
    seen_logo = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Organization
        fields = profiles.PROFILE_FIELDS

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["seen_logo"] = logo_version(self.instance)
        if not hasattr(self.instance, "logo"):
            del self.fields["no_logo"]

    def locked_row(self) -> Organization:
        """Lock the organization, and before it what is about contacts whose address is no longer on the page."""
        emails = {value for name, value in self.data.items() if re.fullmatch(r"contacts-\d+-email", name)}
        changing = self.instance.contacts.exclude(email__in=emails)
        contacts.lock_before_new_emails(list(changing.values_list("pk", flat=True)))
        return profiles.lock_organization(self.instance.pk)

    def compare(self, row: Organization) -> None:
        """Add an error instead of replacing a logo that staff haven't seen."""
        version = logo_version(row)
        if self.png() is not None and self.cleaned_data.get("seen_logo") != version:
            self.add_error("new_logo", forms.ValidationError(OTHER_LOGO, code=CHANGED))
        super().compare(row)
        if self.errors:
            self.data["seen_logo"] = version

    def png(self) -> bytes | None:
        """Return the logo for profiles.set_logo: a PNG, b"" to remove the logo, or None to keep it."""
        return self.cleaned_data.get("new_logo") or (b"" if self.cleaned_data.get("no_logo") else None)


def logo_version(organization: Organization) -> str:
    """Return when the logo was last changed, or "" if there is none."""
    logo = getattr(organization, "logo", None)
    return logo.changed_at.isoformat() if logo else ""


class ContactForm(ConcurrentEditForm):
    class Meta:
        model = Contact
        fields = ["name", "role", "email", "phone", "language", "is_primary"]

    def locked_row(self) -> Contact:
        """Return the current row. The organization's form, which is validated first, has locked it."""
        return Contact.objects.get(pk=self.instance.pk)

    def _get_validation_exclusions(self):
        """Exclude the primary contact, because the formset checks that there is only one."""
        return super()._get_validation_exclusions() | {"is_primary"}


class ContactFormSet(forms.BaseInlineFormSet):
    def clean(self):
        super().clean()
        stay = [form for form in self.forms if form not in self.deleted_forms and hasattr(form, "cleaned_data")]
        if any("id" in form.errors for form in self.forms):
            raise forms.ValidationError(GONE)
        if reasons := reasons_to_keep([form.instance for form in self.deleted_forms if form.instance.pk]):
            raise forms.ValidationError(reasons)
        seen, owners = set(), self.owners()
        for form in stay:
            email = form.cleaned_data.get("email", "").lower()
            if email and email in seen:
                form.add_error("email", TWICE)
            elif owners.get(email, form.instance.pk) != form.instance.pk:
                form.add_error("email", STILL_USED)
            seen.add(email)
        if sum(form.cleaned_data.get("is_primary", False) for form in stay) > 1:
            raise forms.ValidationError(TWO_MAIN)

    def owners(self) -> dict[str, int]:
        """Return the contacts that stay by the address they have now. They are saved one after another, so none can get
        another's address."""
        if self.instance.pk is None:
            return {}
        leaving = [form.instance.pk for form in self.deleted_forms]
        staying = self.instance.contacts.exclude(pk__in=leaving)
        return {email.lower(): pk for email, pk in staying.values_list("email", "pk")}
