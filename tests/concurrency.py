"""Many people at one moment, with real connections."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def run_at_once(calls: list[Callable], may_happen: tuple[type[Exception], ...]) -> list:
    """Calls all of them in threads of their own that start together; returns what each returned, or raised of what may
    happen."""
    start = threading.Barrier(len(calls))

    def run(call: Callable):
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return call()
        except may_happen as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as crowd:
        return list(crowd.map(run, calls))


def type_names(answers: list) -> list[str]:
    """The kind of each answer of `run_at_once`, in order of the alphabet."""
    return sorted(type(answer).__name__ for answer in answers)
