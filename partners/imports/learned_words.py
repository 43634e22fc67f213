"""Remember what staff say that headings and words in spreadsheets mean."""

from collections.abc import Mapping

from imagine.core.spreadsheets.headings import plain_text
from partners.models import LearnedWord, PromiseType, School

Kind = LearnedWord.Kind
TYPE_COLUMN = "type-"  # with the primary key: the field of a column with the quantities of one promise type


def learn_headings(kind: str, fields: Mapping[str, str]) -> None:
    """Remember the field of each heading; "" for a column to skip."""
    for heading, field in fields.items():
        learn(kind, heading, field=field)


def learn_promise_type(word: str, promise_type: PromiseType) -> None:
    learn(Kind.PROMISE_TYPE, word.replace("&", " and "), promise_type=promise_type)


def learn_school(word: str, school: School) -> None:
    learn(Kind.SCHOOL, word, school=school)


def learn(kind: str, word: str, **meaning: object) -> None:
    """Remember a word, or what it means now."""
    if plain := plain_text(word)[:200]:
        LearnedWord.objects.update_or_create(
            kind=kind, plain_word=plain, defaults={"word": " ".join(word.split())[:200], **meaning}
        )


def learned_headings(kind: str) -> dict[str, str]:
    """Return the field of each learned heading, by its plain text."""
    return dict(LearnedWord.objects.filter(kind=kind).values_list("plain_word", "field"))


def learned_words() -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Return promise types and schools by learned words, in one query."""
    promise_types: dict[str, set[int]] = {}
    schools: dict[str, set[int]] = {}
    words = LearnedWord.objects.filter(kind__in=[Kind.PROMISE_TYPE, Kind.SCHOOL])
    for word, promise_type, school in words.values_list("plain_word", "promise_type", "school"):
        if promise_type:
            promise_types[word] = {promise_type}
        else:
            schools[word] = {school}
    return promise_types, schools
