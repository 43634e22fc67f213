"""The words that people use for promise types, schools, sectors, units and months."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from django.conf import settings
from django.utils import translation
from django.utils.dates import MONTHS as MONTH_NAMES
from django.utils.dates import MONTHS_3, MONTHS_ALT
from django.utils.translation import gettext as _

from imagine.core.spreadsheets.headings import plain_text
from partners.models import PromiseType, School, Sector

# For any school, grade or month, as plain_text() leaves it.
ANY_WORDS = {
    *("", "any", "all", "na", "none", "anywhere", "wherever", "wherevermostneeded", "wherevertheneedisgreatest"),
    *("anyschool", "allschools", "anygrade", "allgrades", "anymonth", "allmonths", "allyear"),
    *("todas", "todos", "cualquiera", "todoelano"),
}
SECTOR_WORDS = {
    "business": "business, businesses, industry, business industry, company, corporate, for profit, negocio, empresa",
    "college": "college, university, post secondary, postsecondary, higher education, higher ed, colegio, universidad",
    "labor": "labor, labour, union, labor union, trade union, unions, sindicato",
    "nonprofit": "nonprofit, non profit, not for profit, community based organization, cbo, ngo, charity, foundation",
    "faith": "faith, faith based, church, congregation, religious, iglesia, fe",
    "families": "parents, families, parent group, parents families, pta, padres, familias",
    "public": "public, government, agency, government agency, public agency, city, county, gobierno, agencia publica",
}
UNIT_ABBREVIATIONS = {
    "hour": ["hr", "hrs", "h"],
    "student": ["stud", "pupil", "pupils"],
    "place": ["slot", "slots", "position", "positions"],
}
SCHOOL_LEVELS = [
    *("elementary", "elementary school", "elem", "elem.", "es", "middle", "middle school", "ms", "k8", "k-8"),
    *("high", "high school", "senior high", "senior high school", "hs", "h.s."),
    *("school", "charter", "charter school", "academy"),
]
MIN_LENGTH_SHORT_NAME = 4  # letters of a part of the name, such as Chavez
MIN_LENGTH_INITIALS = 3
LITTLE_WORDS = {"jr", "sr", "dr", "of", "the", "and"}
COMMON_WORDS = {
    *("academy", "careers", "center", "charter", "city", "college", "collegiate", "development", "early"),
    *("environmental", "health", "institute", "international", "leadership", "open", "port", "primary", "secondary"),
    *("skills", "stockton", "studies", "team", "unified", "years", "school", "high", "elementary", "middle", "martin"),
}
JOINING_WORDS = {"and", "or", "y", "e", "o", "u"}


def index_by_word(objects: Iterable, words: Callable) -> dict[str, set[int]]:
    """Return the primary keys of the objects that each of their words may stand for."""
    found = defaultdict(set)
    for obj in objects:
        for word in words(obj):
            if word:
                found[plain_text(word)].add(obj.pk)
    return found


# Promise types ---------------------------------------------------------------------------------------------------


def promise_type_words(promise_type: PromiseType) -> list[str]:
    return [promise_type.code, promise_type.name, promise_type.name_es]


def stems(words: str) -> str:
    """Return words without joining ones and without the s of a plural, so that "Mentors, role models" is part of "Be
    mentors and role models"."""
    plain = filter(None, map(plain_text, re.split(r"[\W_]+", words)))
    return " ".join(word.removesuffix("s") for word in plain if word not in JOINING_WORDS)


# Schools ---------------------------------------------------------------------------------------------------------


def school_words(school: School) -> list[str]:
    """Return a school's code, and its name with and without the level, and with other ways to write the level."""
    name = school.name.lower()
    bare = {name.removesuffix(f" {level}") for level in SCHOOL_LEVELS}
    shortest = min(bare, key=len)
    level = {
        "elementary": ["elementary", "elementary school", "elem", "es"],
        "high": ["high", "high school", "hs"],
        "secondary": ["secondary", "high", "high school"],
    }
    written = (f"{shortest} {ending}" for ending in level.get(school.level, []))
    return [school.code, name, f"{name} school", *bare, *(f"{each} school" for each in bare), *written]


def school_nicknames(school: School) -> Iterator[str]:
    """Yield shorter names that count if no other school has them: Chavez, Merlo, Dr. King, MLK, SUECA."""
    name = school.name.lower()
    bare = min((name.removesuffix(f" {level}") for level in SCHOOL_LEVELS), key=len)
    for each in (name, bare):
        initials = [word[0] for word in re.findall(r"[^\W\d_]+", each) if word not in LITTLE_WORDS]
        if len(initials) >= MIN_LENGTH_INITIALS:
            yield "".join(initials)
    words = [word for word in re.split(r"[\s()]+", bare) if word]
    ends = {" ".join(words[start:]) for start in range(1, len(words))}
    for short in {*ends, *(word for word in words if word not in COMMON_WORDS)}:
        if len(plain_text(short)) >= MIN_LENGTH_SHORT_NAME:
            yield from (short, f"{short} school", *(f"{short} {level}" for level in SCHOOL_LEVELS))


@cache
def any_school_words() -> set[str]:
    """Return the words in our exports for a promise without a school."""
    found = set()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found.add(plain_text(_("wherever it is needed most")))
    return found


# Sectors, units, months ------------------------------------------------------------------------------------------


def sector_words() -> dict[str, str]:
    found = {plain_text(value): value for value in Sector.values}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            found |= {plain_text(str(label)): value for value, label in Sector.choices}
    return found | {plain_text(word): sector for sector, words in SECTOR_WORDS.items() for word in words.split(",")}


def unit_words(promise_type: PromiseType) -> list[str]:
    return [
        promise_type.code,
        promise_type.unit,
        promise_type.unit_plural,
        promise_type.unit_es,
        promise_type.unit_plural_es,
        *UNIT_ABBREVIATIONS.get(promise_type.unit, []),
    ]


def month_words() -> dict[str, int]:
    found = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for number in range(1, 13):
                for names in (MONTH_NAMES, MONTHS_3, MONTHS_ALT):
                    found[plain_text(str(names[number]))] = number
                found[str(number)] = number
    return found | {"sept": 9, "set": 9}
