"""What is folded by an expression and what is folded in plain SQL are the same."""

import pytest
from django.db import connection
from django.db.models import Value

from imagine.core.text_normalization import unaccented, unaccented_sql
from imagine.mail.models import SendRate

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "words",
    ["José Ñúñez", "Thạch Đỗ", "Søren Łukasz Ångström", "O’Brien & Søns 100%", "ﬁnancial ½", "", "Ｗｉｄｅ", "Ǆ ß İ"],
)
def test_text_is_normalized_the_same_by_expression_and_sql(words):
    by_expression = SendRate.objects.annotate(folded=unaccented(Value(words))).values_list("folded", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + unaccented_sql("%s"), [words])
        [by_sql] = cursor.fetchone()
    assert by_expression == by_sql
