from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, AuthenticationForm, SetPasswordForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from imagine.accounts import emails
from imagine.accounts.staff import find_account, is_email_taken
from imagine.core.security_events import current_user

MAX_LENGTH_EMAIL = 150  # the longest username
EMAIL_TAKEN = _("There’s already an account with this email address.")


class SignInForm(AuthenticationForm):
    """Email or username, and password. Only staff have accounts."""

    shared_computer = forms.BooleanField(
        label=_("This is a shared computer"),
        required=False,
        help_text=_("We’ll sign you out after 10 minutes without activity instead of 30."),
    )

    error_messages = {
        "invalid_login": _("That email or username and password don’t match. Check both and try again."),
        "inactive": _("This account is turned off. Ask whoever manages accounts."),
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Email or username")
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "spellcheck": "false"}

    def clean_username(self) -> str:
        name = self.cleaned_data["username"].strip()
        account = find_account(name)
        return account.username if account else name

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        if not user.is_staff:
            raise self.get_invalid_login_error()


class CodeForm(forms.Form):
    """A code from an authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        error_messages={"required": _("Enter the code.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


class TotpForm(CodeForm):
    code = forms.RegexField(
        "^[0-9 ]{6,8}$",
        label=_("6-digit code"),
        error_messages={
            "required": _("Enter the code your app shows."),
            "invalid": _("Enter the 6 digits your app shows."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


class EmailForm(forms.Form):
    email = forms.EmailField(
        label=_("Email"),
        max_length=254,
        error_messages={
            "required": _("Enter your email address."),
            "invalid": _("Enter an email address, like name@example.org."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class ChoosePasswordForm(SetPasswordForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].label = _("New password")
        self.fields["new_password1"].help_text = _("At least 12 characters. A few unrelated words work well.")
        self.fields["new_password2"].label = _("Confirm new password")


class ChangePasswordForm(AdminPasswordChangeForm):
    """Let a superuser set someone's password, and email that person about it."""

    @transaction.atomic
    def save(self, commit: bool = True) -> User:
        user = super().save(commit)
        emails.queue_password_changed(user, by=current_user())
        return user


class AccountForm(forms.ModelForm):
    """A new staff account: name, email and role."""

    name = forms.CharField(label=_("Name"), max_length=150, error_messages={"required": _("Enter their name.")})
    email = forms.EmailField(
        label=_("Email"),
        max_length=MAX_LENGTH_EMAIL,
        help_text=_("They’ll sign in with this address. We’ll email them a link to choose a password."),
        error_messages={
            "required": _("Enter their email address."),
            "invalid": _("Enter an email address, like name@example.org."),
        },
    )
    role = forms.ModelChoiceField(
        Group.objects.order_by("name"),
        label=_("Role"),
        empty_label=None,
        widget=forms.RadioSelect,
        help_text=_(
            "Community Relations can do everything except manage accounts. Viewer can view records and export up to "
            "500 rows, but can’t see food and access needs or sent email. Check-in desk has no pages yet."
        ),
        error_messages={"required": _("Choose a role.")},
    )

    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].lower()
        if is_email_taken(email):
            raise ValidationError(EMAIL_TAKEN)
        return email


class ChangeAccountForm(UserChangeForm):
    email = forms.EmailField(label=_("Email"), max_length=MAX_LENGTH_EMAIL, required=False)

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        if "email" in self.changed_data and email and is_email_taken(email, by_other_than=self.instance):
            raise ValidationError(EMAIL_TAKEN)
        return email
