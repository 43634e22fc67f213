"""Words as two spellings of them agree, folded by the database: lower case, without accents and apostrophes.

With functions that PostgreSQL knows as immutable, so that a generated column and an index may hold what they say; its
unaccent() is not one of them.
"""

from django.db.models import Expression, F, Func, TextField, Value
from django.db.models.functions import Lower

BARRED = "ĐđØøŁł"  # no decomposition takes their bar away
MARKS = "[\u0300-\u036f'`\u2018\u2019\u02bc]"


def joined(*fields: str) -> Expression:
    """The text of several columns, a space between two."""
    return Func(*map(F, fields), template="(%(expressions)s)", arg_joiner=" || ' ' || ", output_field=TextField())


def unaccented(words: Expression) -> Expression:
    """`words` folded: `unaccented(F("name"))` in a column, `unaccented(Value("García"))` for what somebody typed."""
    text = TextField()
    plain = Func(words, Value(BARRED), Value("DdOoLl"), function="TRANSLATE", output_field=text)
    plain = Func(plain, template="NORMALIZE(%(expressions)s, NFKD)", output_field=text)  # letters and accents apart
    return Func(Lower(plain), Value(MARKS), Value(""), Value("g"), function="REGEXP_REPLACE", output_field=text)


def unaccented_sql(words: str) -> str:
    """The same of an expression in SQL, as SQL."""
    marks = MARKS.replace("'", "''")
    return f"regexp_replace(lower(normalize(translate({words}, '{BARRED}', 'DdOoLl'), NFKD)), '{marks}', '', 'g')"
