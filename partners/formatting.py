"""Grades and months as people say them: grades TK–6, Oct–Dec and Mar."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from partners.models import MONTHS, Grade
from partners.pledges.promises import month_name


def grade_spans(chosen: Iterable[str]) -> str:
    """Bands of grades, with neighbours as one: "grades TK–6, 9–12". "" when all or none are chosen: it is for any."""
    spans = consecutive_runs(chosen, Grade.values)
    if not spans or len(spans[0]) == len(Grade.values):
        return ""
    said = ", ".join(f"{span[0].partition('-')[0]}–{span[-1].partition('-')[2]}" for span in spans)
    return _("grades %(grades)s") % {"grades": said}


def month_spans(chosen: Iterable[int]) -> str:
    """Months of a school year, with neighbours as one: "Aug, Oct–Dec". "" when all or none are chosen."""
    spans = consecutive_runs(chosen, MONTHS)
    if not spans or len(spans[0]) == len(MONTHS):
        return ""
    ends = ([month_name(number) for number in {span[0]: None, span[-1]: None}] for span in spans)
    return ", ".join("–".join(names) for names in ends)


def consecutive_runs(chosen: Iterable, order: list) -> list[list]:
    """What was chosen of a list, in its order, neighbours together."""
    chosen, found, before = set(chosen), [], False
    for value in order:
        if value in chosen:
            if not before:
                found.append([])
            found[-1].append(value)
        before = value in chosen
    return found
