"""Form fields for what people type."""

import math
import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.encoding import punycode
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from imagine.core.spreadsheets.reader import MAX_BYTES

MEGABYTE = 2**20
# Look like a dot, or are one to a browser (IDNA).
DOTS = dict.fromkeys(
    map(ord, "\u3002\uff0e\uff61\u2024\ufe52\u0701\u0702\u0589\u06d4\ua60e\u2e33\u2e3c\ua4f8\u00b7"), "."
)
# The dot of "Gal·la" and "Castel·ló" is a Catalan letter's, except where a top-level domain would follow it.
CATALAN_L = re.compile(r"\b([^\W\d_]*[aeiouàèéíïòóúü]l)·(l[aeiouàèéíïòóúü][^\W\d_]*)\b", re.IGNORECASE)
DOMAINS_IN_L = frozenset(
    [
        *("land", "lat", "latino", "law", "lawyer", "lease", "legal", "li", "life", "lifestyle", "lighting", "like"),
        *("limited", "limo", "link", "live", "living", "loan", "loans", "locker", "lol", "london", "lotto", "love"),
        *("lu", "luxe", "luxury"),
    ]
)
# Of degrees, as in "M.Ed."; no domain ends in one of these.
LINK = re.compile(r"//|@|\bwww\.|\w\.(?!(?:ed|phil|div)\b)[^\W\d_]{2,}\b", re.IGNORECASE)


def check_characters(value: str) -> None:
    """Reject what no keyboard types: control and private-use characters, lone surrogates, and the replacement character
    for bytes that weren't UTF-8. CharField itself rejects NUL."""
    if any(c == "\ufffd" or (unicodedata.category(c) in {"Cc", "Co", "Cs"} and c not in "\r\n\t\0") for c in value):
        raise ValidationError(_("This has a character we can’t read. Please type it again."), code="characters")


def check_one_line(value: str) -> None:
    check_characters(value)
    if any(character in value for character in "\r\n\u2028\u2029"):
        raise ValidationError(_("Enter this on one line."), code="lines")


def check_no_link(value: str) -> None:
    """Reject links in names and needs. They appear in email to an address that anyone may have typed, so they could be
    used to advertise, and mail programs turn anything that looks like a domain into a link."""
    plain = unicodedata.normalize("NFKC", value)
    plain = CATALAN_L.sub(join_catalan_l, plain).translate(DOTS)
    plain = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    if LINK.search(plain):
        raise ValidationError(
            _("Remove any web or email address, and put a space after each period, as in “J. R. Reyes”."), code="link"
        )


def join_catalan_l(word: re.Match) -> str:
    return word[0] if word[2].lower() in DOMAINS_IN_L else word[1] + word[2]


def is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


class LineField(forms.CharField):
    default_validators = [check_one_line]


class NameField(LineField):
    """One line that appears in email: the name of a person or an organization, or a guest's needs."""

    default_validators = [*LineField.default_validators, check_no_link]


class TextField(forms.CharField):
    """Text of several lines, with line endings normalized."""

    widget = forms.Textarea
    default_validators = [check_characters]

    def to_python(self, value) -> str:
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n")


class AddressField(forms.EmailField):
    """An email address, with errors that say what is wrong. The domain is lowercased and internationalized domains
    become ASCII (RFC 5890), so one address has one spelling."""

    default_validators = []
    default_error_messages = {
        "at": _("Enter an email address with one @ sign, like name@example.org."),
        "dot": _("Enter an email address with a dot after the @ sign, like name@example.org."),
        "invalid": _("Enter a complete email address, like name@example.org."),
        "letters": _("We can’t email an address with a letter like ñ or ó before the @ sign. Enter another one."),
    }

    def to_python(self, value) -> str:
        """Drop what comes along when an address is copied: invisible marks around it, and the dot of a sentence."""
        value = super().to_python(value)
        while value and (value[-1] == "." or is_invisible(value[-1])):
            value = value[:-1]
        while value and is_invisible(value[0]):
            value = value[1:]
        return value

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
        if any(not letter.isascii() and letter.isalpha() for letter in name):
            raise ValidationError(self.error_messages["letters"], code="letters")
        try:
            validate_email(value)
            address = f"{name}@{punycode(domain.lower())}"
            validate_email(address)
        except (ValidationError, UnicodeError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if self.max_length and len(address) > self.max_length:  # ASCII can be three times as long
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return address


class SpreadsheetField(forms.FileField):
    """A file for imagine.core.spreadsheets.reader. The error for a large file says how large it is."""

    def __init__(self, *, max_rows: int, **kwargs):
        hint = _("Excel, OpenDocument, or CSV, up to 10 MB and {rows} rows.")
        super().__init__(label=_("File"), help_text=format_lazy(hint, rows=f"{max_rows:,}"), **kwargs)

    def clean(self, data, initial=None):
        file = super().clean(data, initial)
        if file and file.size > MAX_BYTES:
            message = _("This file is %(size)d MB, and the limit is %(most)d MB. Split it or save it as CSV.")
            size = math.ceil(file.size / MEGABYTE)
            raise ValidationError(message % {"size": size, "most": MAX_BYTES // MEGABYTE})
        return file
