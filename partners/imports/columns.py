"""Recognize a spreadsheet's columns by their headings: those of our exports in every language, and common others."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from django.conf import settings
from django.utils import translation

from partners import exports

# In the order of our own file: exports.BY_PROMISE.
FIELDS = [
    *("year", "organization", "sector", "contact", "email", "phone"),
    *("promise_type", "quantity", "unit", "grades", "schools", "months", "clearance"),
    *("signed_by", "signed_on", "note"),
]
REQUIRED_FIELDS = ["organization", "promise_type", "quantity"]
OTHER_HEADINGS = {
    "year": "year, schoolyear, academic year, ano escolar, ciclo escolar",
    "organization": """organization name, name of organization, partner, partner name, company,
        company name, business, business name, agency, employer, organizacion, nombre de la organizacion, participante,
        empresa""",
    "sector": """type, category, type of organization, organization type, sector/industry, industry,
        tipo de organizacion""",
    "website": "website, web site, web page, url, web, homepage, sitio web, pagina web",
    "contact": """contact name, contact person, main contact, name of contact, primary contact, representative, name,
        contacto, persona de contacto, nombre""",
    "email": "email, e-mail address, email address, mail, contact email, contact e-mail, correo, correo electronico",
    "phone": "phone number, telephone, tel, contact phone, cell, mobile, telefono",
    "promise_type": """kind, promise, promise kind, kind of promise, promise type, type of promise, commitment, pledge,
        activity,
        opportunity, promesa, tipo, tipo de promesa, compromiso, actividad""",
    "quantity": "qty, amount, how many, how much, number, count, #, no., cantidad, cuantos, numero",
    "unit": "units, unit of measure, unidad, unidades",
    "clearance": "clearance, autorizacion",
    "grades": "grade, grade level, grade levels, grade bands, grado, grados",
    "schools": "school, school site, school sites, site, sites, where, escuela, escuelas, plantel",
    "months": "month, when, mes, meses, cuando",
    "signed_by": "signature, signer, signatory, signed, authorized by, firma, firmado por",
    "signed_on": "date signed, signature date, signed date, date of signature, signed at, date, fecha, fecha de firma",
    "note": "notes, comment, comments, remarks, details, description, nota, notas, comentarios, observaciones",
}


def plain_text(words: str) -> str:
    """Drop case, accents, punctuation and spaces, so that different spellings are equal."""
    words = unicodedata.normalize("NFKD", words).casefold()
    return re.sub(r"[^\w#]|_", "", "".join(letter for letter in words if not unicodedata.combining(letter)))


@cache
def fields_by_heading() -> dict[str, str]:
    """The field of each known heading, by its plain text."""
    found: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for field, heading in zip(FIELDS, exports.BY_PROMISE, strict=True):
                found.setdefault(plain_text(str(heading)), field)
    for field, words in OTHER_HEADINGS.items():
        for each in words.split(","):
            found.setdefault(plain_text(each), field)
    return found


def field_of(heading: str) -> str | None:
    return fields_by_heading().get(plain_text(heading).replace("organisation", "organization"))


def count_known_headings(cells: Iterable[str]) -> int:
    """How many fields a row names, to find out whether it is the header."""
    return len(set(map(field_of, cells)) - {None})


def match_columns(header: list[str]) -> tuple[dict[int, str], list[str]]:
    """Return the field of each column, and the headings that are ignored: unknown ones, and second ones for a field."""
    found: dict[int, str] = {}
    ignored = []
    for number, heading in enumerate(header):
        field = field_of(heading)
        if field and field not in found.values():
            found[number] = field
        elif heading:
            ignored.append(heading)
    return found, ignored


def missing_columns(header: list[str]) -> list[str]:
    """Required fields that no column has."""
    there = set(match_columns(header)[0].values())
    return [field for field in REQUIRED_FIELDS if field not in there]
