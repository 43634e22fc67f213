"""Create the certificate of a signed pledge: a page to hang on a wall, as an accessible PDF (PDF/UA-1, ISO 14289-1).

The content of the signed version is enough to create it, so changes made since don't affect it. The page's template is
certificate/page.typ, and its fonts are in certificate/fonts.
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

compile_lock = threading.Lock()  # typst's compiler isn't thread-safe


def certificate_pdf(signature: Signature, language: str) -> bytes:
    """Return the certificate in "en" or "es". The same version always gives the same bytes."""
    with translation.override(language):
        return rendered_pdf(json.dumps(certificate_content(signature, language), ensure_ascii=False))


@lru_cache(maxsize=64)  # about 30 kB each
def rendered_pdf(content: str) -> bytes:
    """Return the PDF of some JSON, which is passed to the template as data, never as code."""
    try:
        return compile_pdf(content)
    except typst.TypstError:  # a mark and a letter of different scripts, which no font combines
        return compile_pdf("".join(character for character in content if not category(character).startswith("M")))


def compile_pdf(content: str) -> bytes:
    with compile_lock:
        pdf = compiler().compile(format="pdf", sys_inputs={"data": content}, pdf_standards=["ua-1"])
    if not isinstance(pdf, bytes):  # other formats return a list
        raise TypeError("typst returned no PDF")
    return pdf


@cache  # created with the first certificate, after gunicorn and Celery have forked
def compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    return typst.Compiler(PAGE, root=settings.BASE_DIR, font_paths=fonts)


# Content ---------------------------------------------------------------------------------------------------------


def certificate_content(signature: Signature, language: str) -> dict:
    """Return the content of the page in `language`, which must be active."""
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
            *district_signature(),
        ],
    }


def district_signature() -> list[list[str]]:
    """Return who signs for the district, if there is such a setting: the name, and what follows its first comma."""
    name, _comma, title = (legible(part) if part.strip() else "" for part in settings.CERTIFICATE_SIGNER.partition(","))
    return [[_("For the district"), name, title]] if name else []


def sentence(promises: list[dict], language: str) -> str:
    """Return a sentence with all promises that continues the organization's name, or "" if there are none."""
    parts = [promise_phrase(group, language) for group in promises_by_type(promises)]
    return _("will %(promises)s.") % {"promises": join_phrases(parts, language)} if parts else ""


def promises_by_type(promises: list[dict]) -> list[list[dict]]:
    groups: dict[str, list[dict]] = {}
    for promise in promises:
        groups.setdefault(promise["promise_type"], []).append(promise)
    return list(groups.values())


def promise_phrase(promises: list[dict], language: str) -> str:
    """Return the promises of one type for the sentence, such as "host tours and field trips (6 visits)".

    They have one unit, so they are added up, unless all are 1, because a signed version has no plural then.
    """
    name = legible(localized_field(promises[0], "name", language)).rstrip(".")
    several = next((promise for promise in promises if promise["quantity"] != 1), None)
    quantities = [promise["quantity"] for promise in promises]
    unit = legible(localized_field(several or promises[0], "unit", language))
    amounts = [sum(quantities)] if several else quantities
    words = " + ".join(f"{amount:,}\N{NO-BREAK SPACE}{unit}" for amount in amounts)
    return f"{lowercase_first(name)} ({words})"


def lowercase_first(name: str) -> str:
    """Lowercase the first letter, except of an abbreviation, as in "STEM nights"."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def join_phrases(parts: list[str], language: str) -> str:
    """Join with commas, or semicolons if a phrase contains a comma. In Spanish "y" becomes "e" before an i."""
    if len(parts) == 1:
        return parts[0]
    comma = ";" if any(", " in part for part in parts[:-1]) else ","
    first, last = f"{comma} ".join(parts[:-1]), parts[-1]
    before_i = language == "es" and re.match("h?[ií](?![aeo])", last)
    joined = "%(first)s e %(last)s" if before_i else _("%(first)s and %(last)s")
    return joined % {"first": first + comma.strip(","), "last": last}


# Characters ------------------------------------------------------------------------------------------------------


def legible(text: str) -> str:
    """Return the text in one line, without characters that the fonts lack, such as emoji, because PDF/UA forbids
    them."""
    composed = normalize("NFC", text)
    printable = (character for character in composed if character in available_characters() or character.isspace())
    return " ".join("".join(printable).split()) or "—"


@cache
def available_characters() -> frozenset[str]:
    """Return the characters in the fonts, and joiners that some scripts need."""
    found = set().union(*(characters_of_font(font.read_bytes()) for font in FONTS.glob("*-Regular.ttf")))
    return frozenset(character for character in found if not category(character).startswith("C")) | JOINERS


def characters_of_font(font: bytes) -> set[str]:
    """Return the characters in a font's OpenType "cmap" table, format 12."""
    tables = struct.iter_unpack(">4sIII", font[12 : 12 + 16 * struct.unpack_from(">H", font, 4)[0]])
    cmap = next(offset for tag, _sum, offset, _length in tables if tag == b"cmap")
    maps = struct.iter_unpack(">HHI", font[cmap + 4 : cmap + 4 + 8 * struct.unpack_from(">H", font, cmap + 2)[0]])
    full = next(cmap + offset for platform, encoding, offset in maps if (platform, encoding) == (3, 10))
    size = struct.unpack_from(">I", font, full + 12)[0]
    groups = struct.iter_unpack(">III", font[full + 16 : full + 16 + 12 * size])
    return {chr(code) for first, last, _glyph in groups for code in range(first, last + 1)}
