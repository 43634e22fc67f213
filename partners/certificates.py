"""The certificate of a signed pledge: one page to hang on a wall, as an accessible PDF (PDF/UA-1, ISO 14289-1).

It is made from what the signed version keeps, so each version has its certificate whatever has changed since. The page
is certificate/page.typ, with its fonts beside it.
"""

import json
import re
import struct
import threading
from functools import cache, lru_cache
from pathlib import Path
from unicodedata import category, normalize

import typst
from django.conf import settings
from django.utils import translation
from django.utils.dateformat import format as format_date
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import gettext as _

from partners.models import PledgeYear, Signature
from partners.pledges.promises import localized_field

PAGE = Path(__file__).with_name("certificate") / "page.typ"
FONTS = PAGE.with_name("fonts")
DATES = {"en": "F j, Y", "es": r"j \d\e F \d\e Y"}
JOINERS = {"\N{ZERO WIDTH NON-JOINER}", "\N{ZERO WIDTH JOINER}"}

compile_lock = threading.Lock()  # typst's compiler is one thread's at a time


def certificate_pdf(signature: Signature, language: str) -> bytes:
    """The certificate in "en" or "es". The same version gives the same bytes."""
    with translation.override(language):
        return rendered_pdf(json.dumps(certificate_words(signature, language), ensure_ascii=False))


@lru_cache(maxsize=64)  # some 30 kB each
def rendered_pdf(words: str) -> bytes:
    """Typed text is passed as data, never as code."""
    try:
        return compile_pdf(words)
    except typst.TypstError:  # a mark of one script on a letter of another, which no font has together
        return compile_pdf("".join(letter for letter in words if not category(letter).startswith("M")))


def compile_pdf(words: str) -> bytes:
    with compile_lock:
        pdf = compiler().compile(format="pdf", sys_inputs={"said": words}, pdf_standards=["ua-1"])
    if not isinstance(pdf, bytes):  # the compiler's other formats give several
        raise TypeError("typst made no PDF")
    return pdf


@cache  # made by the first certificate, after gunicorn and Celery have forked
def compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    return typst.Compiler(PAGE, root=settings.BASE_DIR, font_paths=fonts)


# What it says ----------------------------------------------------------------------------------------------------


def certificate_words(signature: Signature, language: str) -> dict:
    """The page's text in the active language, which is `language`."""
    content = signature.content
    organization = legible(content["organization"])
    year = PledgeYear(school_year=content["school_year"]).school_years
    signed_on = format_date(localtime(signature.signed_at, get_default_timezone()), DATES[language])
    return {
        "language": language,
        "title": _("Imagine Promise certificate: %(organization)s, %(year)s")
        % {"organization": organization, "year": year},
        "district": _("Community Relations Department, Stockton Unified School District"),
        "year_label": _("School year"),
        "year": year,
        "heading": _("A promise to Stockton’s students"),
        "organization": organization,
        "promises": sentence(content["promises"], language),
        "signed": [
            [_("Signed by"), legible(signature.signed_by), signature.signed_role and legible(signature.signed_role)],
            [_("Signed on"), signed_on, ""],
        ],
    }


def sentence(kept: list[dict], language: str) -> str:
    """All promises as one sentence that continues the organization's name, or ""."""
    parts = [promise_phrase(promise, language) for promise in kept]
    return _("will %(promises)s.") % {"promises": join_phrases(parts, language)} if parts else ""


def promise_phrase(promise: dict, language: str) -> str:
    """A promise within the sentence, such as "host tours and field trips (6 visits)"."""
    name, unit = (legible(localized_field(promise, field, language)) for field in ("name", "unit"))
    return f"{lowercase_first(name.rstrip('.'))} ({promise['quantity']:,}\N{NO-BREAK SPACE}{unit})"


def lowercase_first(name: str) -> str:
    """Keeps abbreviations, such as "STEM nights"."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def join_phrases(parts: list[str], language: str) -> str:
    """Join with commas, or semicolons if a phrase contains a comma. In Spanish "y" becomes "e" before an i."""
    if len(parts) == 1:
        return parts[0]
    comma = ";" if any(", " in each for each in parts[:-1]) else ","
    first, last = f"{comma} ".join(parts[:-1]), parts[-1]
    before_i = language == "es" and re.match("h?[ií](?![aeo])", last)
    joined = "%(first)s e %(last)s" if before_i else _("%(first)s and %(last)s")
    return joined % {"first": first + comma.strip(","), "last": last}


# Its letters -----------------------------------------------------------------------------------------------------


def legible(text: str) -> str:
    """One line without characters that no font has, such as emoji: PDF/UA rejects boxes in place of letters."""
    composed = normalize("NFC", text)
    printable = (letter for letter in composed if letter in available_letters() or letter.isspace())
    return " ".join("".join(printable).split()) or "—"


@cache
def available_letters() -> frozenset[str]:
    """The characters in the fonts, and joiners that some scripts need."""
    found = set().union(*(letters_of_font(font.read_bytes()) for font in FONTS.glob("*-Regular.ttf")))
    return frozenset(letter for letter in found if not category(letter).startswith("C")) | JOINERS


def letters_of_font(font: bytes) -> set[str]:
    """The characters in a font's OpenType "cmap" table, format 12."""
    tables = struct.iter_unpack(">4sIII", font[12 : 12 + 16 * struct.unpack_from(">H", font, 4)[0]])
    cmap = next(offset for tag, _sum, offset, _length in tables if tag == b"cmap")
    maps = struct.iter_unpack(">HHI", font[cmap + 4 : cmap + 4 + 8 * struct.unpack_from(">H", font, cmap + 2)[0]])
    full = next(cmap + offset for platform, encoding, offset in maps if (platform, encoding) == (3, 10))
    size = struct.unpack_from(">I", font, full + 12)[0]
    groups = struct.iter_unpack(">III", font[full + 16 : full + 16 + 12 * size])
    return {chr(code) for first, last, _glyph in groups for code in range(first, last + 1)}
