"""Days, months and grades as people and spreadsheet programs write them. Excel turns "4-6" into April 6."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from imagine.core.spreadsheets.headings import plain_text
from partners.models import Grade

DATE_FORMATS = [
    *("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y", "%Y/%m/%d"),
    *("%B %d %Y", "%b %d %Y", "%d %B %Y", "%d %b %Y"),
]
TIME = re.compile(r"[T\s]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([ap]\.?\s?m\.?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$", re.I)
WEEKDAY = re.compile(r"^(mon|tues|wednes|thurs|fri|satur|sun)day,?\s+", re.I)
FIRST_SERIAL, LAST_SERIAL = 43_000, 60_000  # days since 1900, from 2017
EPOCH = date(1899, 12, 30)
BANDS = {"TK-K": (-1, 0), "1-3": (1, 3), "4-6": (4, 6), "7-8": (7, 8), "9-12": (9, 12)}
GRADE_NUMBERS = {"tk": -1, "k": 0, **{str(number): number for number in range(1, 13)}}
GRADE_WORDS = {  # as plain_text() leaves them
    **dict.fromkeys(("kinder", "kindergarten", "kindergarden", "transitionalkindergarten", "jardin"), (-1, 0)),
    **dict.fromkeys(("elementary", "elementaryschool", "primary", "primaria", "escuelaprimaria"), (-1, 6)),
    **dict.fromkeys(("middle", "middleschool", "juniorhigh", "jrhigh", "intermedia", "secundaria"), (7, 8)),
    **dict.fromkeys(("high", "highschool", "seniorhigh", "hs", "preparatoria", "escuelapreparatoria"), (9, 12)),
    **{"freshman": (9, 9), "freshmen": (9, 9), "sophomore": (10, 10), "sophomores": (10, 10)},
    **{"primarygrades": (-1, 3), "upperelementary": (4, 6), "lowerelementary": (-1, 3)},
    **{"prek": (-1, -1), "preschool": (-1, -1), "pk": (-1, -1)},
}
PART = re.compile(r"[,;&/\n]|\band\b|\by\b")
RANGE = re.compile(r"\s*(?:-|–|—|\bto\b|\bthrough\b|\bthru\b|\ba\b)\s*")


def parse_day(text: str) -> date | None:
    """Return the day of a date in a common format, with or without a time, or of Excel's number for it."""
    if re.fullmatch(r"\d{5}", text) and FIRST_SERIAL <= int(text) <= LAST_SERIAL:
        return EPOCH + timedelta(days=int(text))
    text = TIME.sub("", WEEKDAY.sub("", text.strip()))
    text = re.sub(r"\b(\d{1,2})(st|nd|rd|th)\b", r"\1", text, flags=re.I).replace(",", " ").replace(".", "")
    text = " ".join(text.split())
    for date_format in DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date()
        except ValueError:
            continue
    return None


def excel_date(text: str, months: Mapping[str, int]) -> tuple[int, int] | None:
    """Return month and day of what Excel made of two numbers: 6-Apr, Apr-6, 2026-04-06, 4/6/2026."""
    if words := re.fullmatch(r"(\d{1,2})[- ]([^\W\d]{3,})\.?|([^\W\d]{3,})\.?[- ](\d{1,2})", text):
        month, day = months.get(plain_text(words[2] or words[3])), int(words[1] or words[4])
        return (month, day) if month else None
    if re.match(r"\d{4}-\d|\d{1,2}/\d{1,2}/\d{2}", text) and (day_found := parse_day(text)):
        return day_found.month, day_found.day
    return None


def parse_grade_bands(text: str, months: Mapping[str, int]) -> list[str] | None:
    """Return the grade bands of grades, ranges of them, and words for them. None if something isn't a grade."""
    if date_found := excel_date(text, months):
        first, last = date_found
        return bands_between(first, last) if first < last <= 12 else None
    found: set[str] = set()
    for part in PART.split(text.lower()):
        if not part.strip():
            continue
        grades = parse_grade_range(part)
        if grades is None:
            return None
        found |= set(bands_between(*grades))
    return [band for band in Grade.values if band in found]


def parse_grade_range(part: str) -> tuple[int, int] | None:
    """Return the first and the last grade of "TK - 3rd grade", "Elementary", "Middle school (6-8)", "PreK-K"."""
    if remark := re.fullmatch(r"(.*?)\s*\(([^()]*)\)\s*", part):
        return parse_grade_range(remark[2]) or parse_grade_range(remark[1])
    if whole := GRADE_WORDS.get(plain_text(part)):
        return whole
    ends = [end for end in map(bare_grade, RANGE.split(re.sub(r"\bpre[- ]k\b", "prek", part))) if end]
    ranges = [grade_of(end) for end in ends]
    if not 1 <= len(ends) <= 2 or None in ranges:
        return None
    numbers = [number for each in ranges if each for number in each]
    return min(numbers), max(numbers)


def bare_grade(text: str) -> str:
    text = re.sub(r"\b(grades?|graders?|grados?)\b", "", text).strip()
    return re.sub(r"(st|nd|rd|th|°|º)$", "", text).strip()


def grade_of(text: str) -> tuple[int, int] | None:
    if text in GRADE_NUMBERS:
        return GRADE_NUMBERS[text], GRADE_NUMBERS[text]
    return GRADE_WORDS.get(plain_text(text))


def bands_between(first: int, last: int) -> list[str]:
    return [band for band, (low, high) in BANDS.items() if low <= max(first, last) and min(first, last) <= high]
