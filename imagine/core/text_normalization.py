"""Normalize text in the database, so that spellings match: lower case, without accents and apostrophes.

Generated columns and indexes need functions that PostgreSQL marks as immutable. unaccent() isn't one of them.
"""

from django.db.models import Expression, F, Func, TextField, Value
from django.db.models.functions import Lower

BARRED = "ĐđØøŁł"  # Unicode decomposition doesn't remove their bar
MARKS = "[\u0300-\u036f'`\u2018\u2019\u02bc]"


def join_columns(*fields: str) -> Expression:
    """Join the text of several columns with spaces."""
    return Func(*map(F, fields), template="(%(expressions)s)", arg_joiner=" || ' ' || ", output_field=TextField())


def unaccented(expression: Expression | F) -> Expression:
    """Normalize an expression: `unaccented(F("name"))` for a column, `unaccented(Value("García"))` for typed text."""
    text = TextField()
    plain = Func(expression, Value(BARRED), Value("DdOoLl"), function="TRANSLATE", output_field=text)
    plain = Func(plain, template="NORMALIZE(%(expressions)s, NFKD)", output_field=text)  # split letters and accents
    return Func(Lower(plain), Value(MARKS), Value(""), Value("g"), function="REGEXP_REPLACE", output_field=text)


def unaccented_sql(sql: str) -> str:
    """Do the same as `unaccented` for an expression in raw SQL."""
    marks = MARKS.replace("'", "''")
    return f"regexp_replace(lower(normalize(translate({sql}, '{BARRED}', 'DdOoLl'), NFKD)), '{marks}', '', 'g')"
