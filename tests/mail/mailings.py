"""Helpers for bulk email."""

import threading
from collections.abc import Callable

from django.db import connection

from imagine.mail import backends
from imagine.mail.models import Mailing, Message, SendRate
from imagine.mail.queue import enqueue_many


class Clock:
    """Stands in for the `time` module. The first sleep ends `late` seconds late, each further one half as late."""

    def __init__(self, *, late: float = 0.0):
        self.now, self.late = 1000.0, late

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self.late if seconds else 0)
        self.late /= 2


def mailing(**fields) -> Mailing:
    fields = {"template": "invitation", "title": "Kick-off", "recipient_count": 3} | fields
    return Mailing.objects.create(about=SendRate(pk=17), **fields)


def queue_messages(of: Mailing | None = None, count: int = 3, **fields) -> list[Message]:
    """Queue messages of a mailing, each to another guest."""
    defaults = {
        "language": "en",
        "subject": "Come to the kick-off",
        "body_text": "Breakfast.\n",
        "body_html": "<p>Breakfast.</p>",
    }
    first = Message.objects.count()
    messages = [
        Message(
            **(
                {"kind": "news", "about": SendRate(pk=n + 1), "idempotency_key": f"news:{n + 1}"}
                | {"recipient": guest(n), "queue": "bulk", "mailing": of, "topic": "invitations"}
                | defaults
                | fields
            )
        )
        for n in range(first, first + count)
    ]
    enqueue_many(messages)
    return messages


def guest(number: int) -> str:
    return f"guest{number:03}@example.org"


def states(of: Mailing | None = None) -> list[str]:
    """Return the states of all messages, or of a mailing's, ordered by recipient."""
    found = of.messages if of else Message.objects
    return list(found.order_by("recipient").values_list("state", flat=True))


def run_in_threads(number: int, call: Callable[[], object]) -> None:
    """Call it this many times at once, each with its own connections. Raise the first error of any thread."""
    errors: list[BaseException] = []
    start = threading.Barrier(number)

    def run():
        try:
            start.wait(timeout=30)
            call()
        except BaseException as error:
            errors.append(error)
        finally:
            backends.server.close()
            connection.close()

    threads = [threading.Thread(target=run) for _thread in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
