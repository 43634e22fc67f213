"""Grades and months as people read them."""

import pytest
from django.utils import translation

from partners import formatting as partner_formatting
from partners.models import MONTHS, Grade


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([], ""),
        (list(Grade.values), ""),
        (["TK-K"], "grades TK–K"),
        (["9-12", "7-8"], "grades 7–12"),
        (["4-6", "TK-K", "1-3", "9-12"], "grades TK–6, 9–12"),
    ],
)
def test_grades(chosen, expected):
    assert partner_formatting.grade_spans(chosen) == expected
    with translation.override("es"):
        assert partner_formatting.grade_spans(chosen) == expected.replace("grades", "grados")


@pytest.mark.parametrize(
    ("chosen", "english", "spanish"),
    [
        ([], "", ""),
        (MONTHS, "", ""),
        ([10], "Oct", "oct"),
        ([1, 12], "Dec–Jan", "dic–ene"),
        ([3, 8, 11, 10, 12], "Aug, Oct–Dec, Mar", "ago, oct–dic, mar"),
    ],
)
def test_months(chosen, english, spanish):
    assert partner_formatting.month_spans(chosen) == english
    with translation.override("es"):
        assert partner_formatting.month_spans(chosen) == spanish
