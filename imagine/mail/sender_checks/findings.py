"""What a check found, in words."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "OK"
    MISSING = "Missing"
    UNSEEN = "Unknown"
    UNANSWERED = "Not checked"


@dataclass(frozen=True)
class Finding:
    state: State
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.sentence} {self.advice}".strip()


class Missing(Exception):
    """Raised inside a check that can't go on, with what is missing and what to do about it."""

    def __init__(self, sentence: str, advice: str):
        super().__init__(sentence)
        self.finding = missing(sentence, advice)


def ok(sentence: str) -> Finding:
    return Finding(State.OK, sentence)


def missing(sentence: str, advice: str) -> Finding:
    return Finding(State.MISSING, sentence, advice)


def unseen(sentence: str, advice: str) -> Finding:
    return Finding(State.UNSEEN, sentence, advice)
