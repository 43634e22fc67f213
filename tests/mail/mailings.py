"""Mail to many, as tests need it."""

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


def letters(of: Mailing | None = None, count: int = 3, **fields) -> list[Message]:
    """Messages of a mailing in the queue, each to another guest."""
    words = {
        "language": "en",
        "subject": "Come to the kick-off",
        "body_text": "Breakfast.\n",
        "body_html": "<p>Breakfast.</p>",
    }
    begin = Message.objects.count()
    messages = [
        Message(
            **(
                {"kind": "news", "about": SendRate(pk=n + 1), "idempotency_key": f"news:{n + 1}"}
                | {"recipient": guest(n), "queue": "bulk", "mailing": of, "topic": "invitations"}
                | words
                | fields
            )
        )
        for n in range(begin, begin + count)
    ]
    enqueue_many(messages)
    return messages


def guest(number: int) -> str:
    return f"guest{number:03}@example.org"


def states(of: Mailing | None = None) -> list[str]:
    """The states of all messages, or of a mailing's, by address."""
    found = of.messages if of else Message.objects
    return list(found.order_by("recipient").values_list("state", flat=True))


def in_threads(number: int, work: Callable[[], object]) -> None:
    """Runs it that often at once, each with connections of its own; raises what one of them raises."""
    errors: list[BaseException] = []
    start = threading.Barrier(number)

    def run():
        try:
            start.wait(timeout=30)
            work()
        except BaseException as error:  # it belongs to the test
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
