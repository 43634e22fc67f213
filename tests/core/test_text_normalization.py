"""Database expressions and plain SQL normalize text in the same way."""

import pytest
from django.db import connection
from django.db.models import Value

from imagine.core.text_normalization import unaccented, unaccented_sql
from imagine.mail.models import SendRate

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text",
    ["José Ñúñez", "Thạch Đỗ", "Søren Łukasz Ångström", "O’Brien & Søns 100%", "ﬁnancial ½", "", "Ｗｉｄｅ", "Ǆ ß İ"],
)
def test_text_is_normalized_the_same_by_expression_and_sql(text):
    by_expression = SendRate.objects.annotate(folded=unaccented(Value(text))).values_list("folded", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + unaccented_sql("%s"), [text])
        [by_sql] = cursor.fetchone()
    assert by_expression == by_sql
