"""Recognize a spreadsheet's columns by their headings: those of our exports in every language, and common others."""

import re
from functools import cache

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from imagine.core.spreadsheets.headings import Headings, plain_text
from partners import exports

# In the order of our own file: exports.BY_PROMISE.
FIELDS = [
    *("year", "organization", "sector", "contact", "email", "phone"),
    *("promise_type", "quantity", "unit", "grades", "schools", "months", "clearance"),
    *("signed_by", "signed_on", "note"),
]
REQUIRED_FIELDS = ["organization", "promise_type", "quantity"]
OTHER_HEADINGS = {
    "year": "year, schoolyear, academic year, ano escolar, ciclo escolar, ano",
    "organization": """organization name, name of organization, partner, partner name, company,
        company name, business, business name, agency, employer, current employer, organization 1 - name, church,
        business or organization, organizacion, nombre de la organizacion, participante, empresa, negocio""",
    "sector": """type, category, type of organization, organization type, sector/industry, industry,
        tipo de organizacion""",
    "website": "website, web site, web page, url, web, homepage, sitio web, pagina web",
    "contact": """contact name, contact person, main contact, name of contact, primary contact, representative, name,
        full name, display name, contacto, persona de contacto, nombre, nombre completo""",
    "email": """email, e-mail address, email address, mail, contact email, contact e-mail, e-mail 1 - value,
        e-mail 1 address, correo, correo electronico, direccion de correo, direccion de correo electronico""",
    "phone": """phone number, telephone, tel, contact phone, cell, cell phone, mobile, mobile phone, business phone,
        phone 1 - value, telefono, numero de telefono, celular""",
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
    "signed_on": """date signed, signature date, signed date, date of signature, signed at, date, timestamp,
        submitted at, submission date, fecha, fecha de firma, marca temporal""",
    "note": "notes, comment, comments, remarks, details, description, nota, notas, comentarios, observaciones",
}


# What questions ask for, in plain words: "Name of your organization or business", "How many students or hours?"
ORGANIZATION = r"(organization|business|company|church|congregation|agency|organizacion|empresa|negocio)"
MEANINGS = (
    ("email", r"^(?!.*\b(type|label|display|opt|status|permission|news)\b).*\b(e-?mail|correo)\b"),
    ("sector", rf"\b(kind|type|sector|category|tipo)\b.*\b{ORGANIZATION}\b"),
    ("organization", rf"\b(name|nombre)\b.*\b{ORGANIZATION}\b|\b{ORGANIZATION}\b.*\b(name|nombre)\b"),
    ("organization", rf"\b(what|which)\b.*\b{ORGANIZATION}\b.*\b(represent|from|with)\b"),
    ("contact", r"\b(full|your|contact|nombre completo|su)\b.*\b(name|nombre)\b|\bfirst and last name\b"),
    ("phone", r"\b(phone|telephone|telefono)\b.*\bnumber\b|\bnumero de telefono\b"),
    ("quantity", r"^(how many|how much|cuant[oa]s)\b"),
    ("promise_type", r"\b(make|making|which|what)\b.*\bpromises?\b|\bhow (would|will|can) you\b.*\bhelp\b"),
    ("grades", r"\b(which|what) grades?\b|\bgrade levels?\b"),
    ("schools", r"\b(which|what) schools?\b"),
    ("months", r"\b(which|what) months?\b"),
)


@cache
def promise_headings() -> Headings:
    """The field of each known heading, and what questions ask for."""
    found: dict[str, str] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for field, heading in zip(FIELDS, exports.BY_PROMISE, strict=True):
                found.setdefault(plain_text(str(heading)), field)
    for field, words in OTHER_HEADINGS.items():
        for each in words.split(","):
            found.setdefault(plain_text(each), field)
    return Headings(found, tuple((field, re.compile(pattern)) for field, pattern in MEANINGS))


def labels() -> dict[str, str]:
    """The heading of each field in our own file."""
    return dict(zip(FIELDS, map(str, exports.BY_PROMISE), strict=True)) | {"website": str(_("website"))}
