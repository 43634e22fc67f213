"""Parts of forms that every page of ours shares: fields that take what a person types, and how they are laid out."""

import re
import unicodedata
from copy import deepcopy

from crispy_forms.helper import FormHelper
from crispy_forms.layout import LayoutObject
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils.encoding import punycode
from django.utils.translation import gettext_lazy as _

from imagine.core.spreadsheets.reader import MOST_BYTES

MEGABYTE = 2**20


def check_characters(value: str) -> None:
    """Refuses what no keyboard writes: control characters, lone surrogates, and the sign that stands in for bytes that
    were no UTF-8. NUL is refused by CharField itself."""
    if any(c == "\ufffd" or (unicodedata.category(c) in {"Cc", "Cs"} and c not in "\r\n\t\0") for c in value):
        raise ValidationError(_("This holds a character that cannot be read. Please type it again."), code="characters")


def check_one_line(value: str) -> None:
    check_characters(value)
    if any(character in value for character in "\r\n\u2028\u2029"):
        raise ValidationError(_("Please write this on one line."), code="lines")


def check_no_link(value: str) -> None:
    """Names and needs stand in mail to an address that anyone may have typed: nobody advertises through us. Mail
    programs make a link of whatever looks like a domain."""
    if re.search(r"//|@|\bwww\.|\w\.[a-z]{2,}(?!\.)\b", value, re.IGNORECASE):
        raise ValidationError(
            _("Please write this without a web or mail address, and with a space after each dot."), code="link"
        )


class LineField(forms.CharField):
    """One line of text."""

    default_validators = [check_one_line]


class NameField(LineField):
    """One line that goes into mail: the name of a person or an organization, a need."""

    default_validators = [*LineField.default_validators, check_no_link]


class TextField(forms.CharField):
    """Text over several lines, which end in one way whatever the browser sends."""

    widget = forms.Textarea
    default_validators = [check_characters]

    def to_python(self, value) -> str:
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


class AddressField(forms.EmailField):
    """An e-mail address; errors say what is wrong with it. The domain comes out in lower case, an internationalised one
    as ASCII (RFC 5890), so that one address has one spelling."""

    default_validators = []
    default_error_messages = {
        "at": _("An address has one @ sign. It looks like name@example.org."),
        "dot": _("This address has no dot after the @ sign. An address looks like name@example.org."),
        "invalid": _("This address is not complete. An address looks like name@example.org."),
    }

    def clean(self, value: str) -> str:
        value = super().clean(value)
        if not value:
            return value
        check_one_line(value)
        if value.count("@") != 1:
            raise ValidationError(self.error_messages["at"], code="at")
        name, _at, domain = value.partition("@")
        if name and domain and "." not in domain:
            raise ValidationError(self.error_messages["dot"], code="dot")
        try:
            validate_email(value)
            address = f"{name}@{punycode(domain.lower())}"
            validate_email(address)
        except (ValidationError, UnicodeError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if self.max_length and len(address) > self.max_length:  # as ASCII it may be three times as long
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return address


class SpreadsheetField(forms.FileField):
    """A CSV or XLSX that imagine.core.spreadsheets.reader can read; says of one that is too large how large it is."""

    def __init__(self, **kwargs):
        super().__init__(label=_("File"), help_text=_("CSV or XLSX, at most 10 MB and 20,000 rows."), **kwargs)

    def clean(self, data, initial=None):
        file = super().clean(data, initial)
        if file and file.size > MOST_BYTES:
            said = _("This file has %(size)d MB, and at most %(most)d can be read. Split it, or save it as CSV.")
            raise ValidationError(said % {"size": file.size // MEGABYTE, "most": MOST_BYTES // MEGABYTE})
        return file


class Shared(dict):
    """Fields that every form has in common, for as long as it is not shown: Django copies them for each, which takes
    longer than to check what was written."""

    def __deepcopy__(self, _memo) -> "Shared":
        return self


def unshare(form: forms.Form) -> None:
    """Gives a form that is to be shown fields of its own: crispy writes into them."""
    form.fields = deepcopy(dict(form.fields))
    form._bound_fields_cache.clear()


def plain_helper() -> FormHelper:
    """Crispy renders the fields alone; the template has the form's tag, token and error summary."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    return helper


class More(LayoutObject):
    """Rare questions behind one line; the server opens them when one holds an answer or an error."""

    template = "fields/more.html"

    def __init__(self, summary, *fields, hint=""):
        self.summary, self.fields, self.hint = summary, list(fields), hint

    def render(self, form, context, template_pack="bootstrap5", **kwargs):
        more = {
            "summary": self.summary,
            "hint": self.hint,
            "fields": self.get_rendered_fields(form, context, template_pack, **kwargs),
            "is_open": any(form[name].errors or form[name].value() for name in self.fields),
        }
        return render_to_string(self.template, more)
