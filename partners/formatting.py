"""Format grades and months, such as "grades TK–6" and "Oct–Dec"."""

from collections.abc import Iterable
from typing import TypeVar

from django.utils.translation import gettext as _

from partners.models import MONTHS, Grade
from partners.pledges.promises import month_name

T = TypeVar("T")


def grade_spans(chosen: Iterable[str]) -> str:
    """Join adjacent grade bands, as in "grades TK–6, 9–12". Return "" for all or none, which both mean any grade."""
    spans = consecutive_runs(chosen, Grade.values)
    if not spans or len(spans[0]) == len(Grade.values):
        return ""
    words = ", ".join(f"{span[0].partition('-')[0]}–{span[-1].partition('-')[2]}" for span in spans)
    return _("grades %(grades)s") % {"grades": words}


def month_spans(chosen: Iterable[int]) -> str:
    """Join adjacent months, as in "Aug, Oct–Dec". Return "" for all or none, which both mean any month."""
    spans = consecutive_runs(chosen, MONTHS)
    if not spans or len(spans[0]) == len(MONTHS):
        return ""
    ends = ([month_name(number) for number in {span[0]: None, span[-1]: None}] for span in spans)
    return ", ".join("–".join(names) for names in ends)


def consecutive_runs(chosen: Iterable[T], order: list[T]) -> list[list[T]]:
    """Split the chosen values into runs of adjacent ones in `order`."""
    wanted, runs, was_chosen = set(chosen), list[list[T]](), False
    for value in order:
        if value in wanted:
            if not was_chosen:
                runs.append([])
            runs[-1].append(value)
        was_chosen = value in wanted
    return runs
