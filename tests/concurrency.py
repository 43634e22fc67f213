"""Calls at the same moment, over separate database connections."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def run_at_once(calls: list[Callable], expected: tuple[type[Exception], ...]) -> list:
    """Call all of them in threads that start together. Return what each returned, or the expected exception it
    raised."""
    start = threading.Barrier(len(calls))

    def run(call: Callable):
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return call()
        except expected as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as executor:
        return list(executor.map(run, calls))


def type_names(results: list) -> list[str]:
    """Return the type names of the results of `run_at_once`, sorted."""
    return sorted(type(result).__name__ for result in results)
