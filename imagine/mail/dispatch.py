"""The bell: tells Celery that there is work. It may be broken: the row is the truth, and a periodic task finds it.

Only who rings is in a hurry: a worker that gives up on an acknowledgement loses that place in its queue for good, and
after two of them it takes nothing any more.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from kombu.exceptions import OperationalError
from kombu.pools import producers
from redis.exceptions import RedisError

from imagine.celery import app

logger = logging.getLogger(__name__)

# A dead or frozen broker costs a request these seconds, once.
IMPATIENT = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2, "retry_on_timeout": False, "max_retries": 0}
BREATH = 5  # seconds without a try after something did not answer
NUDGE = "imagine.nudge."  # with the queue: the broker's note that a worker was nudged and has not begun yet
DELIVER = {"transactional": "imagine.mail.tasks.deliver", "bulk": "imagine.mail.tasks.deliver_bulk"}
NUDGE_SECONDS = 10  # after that it is taken for lost


class Silence:
    """Remembers that something did not answer, so that the next caller does not wait for it too."""

    def __init__(self):
        self.until = 0.0

    def begin(self):
        self.until = time.monotonic() + BREATH

    def __bool__(self):
        return time.monotonic() < self.until


bell = app.connection_for_write(transport_options=IMPATIENT)
broker_silent = Silence()


def ring(task: str, *arguments: int) -> None:
    """Tells a worker that there is work on one row. Never raises for a broker that is down."""
    with listening_broker() as listens:
        if listens:
            publish(task, arguments)


def nudge(queue: str = "transactional") -> None:
    """Tells a worker that mail of a queue is due. One nudge stands for many messages: while one is on its way that no
    worker has taken up, another would say nothing new. Never raises for a broker that is down."""
    with listening_broker() as listens:
        if listens and bell.default_channel.client.set(NUDGE + queue, 1, nx=True, ex=NUDGE_SECONDS):
            publish(DELIVER[queue])


def take_up_nudge(queue: str = "transactional") -> None:
    """From now on a new message nudges again. A worker calls it before it looks at what is due: so none is missed."""
    with listening_broker() as listens:
        if listens:
            bell.default_channel.client.delete(NUDGE + queue)


@contextmanager
def listening_broker() -> Iterator[bool]:
    """Whether the broker is worth a try. When it fails inside, nobody tries again for a breath."""
    if broker_silent:
        yield False
        return
    try:
        yield True
    except (OperationalError, RedisError, OSError):
        broker_silent.begin()
        logger.warning("The broker does not answer; the work waits for the next sweep.")


def publish(task: str, arguments: tuple[int, ...] = ()) -> None:
    with producers[bell].acquire(block=True) as producer:
        app.send_task(task, arguments, retry=False, producer=producer)
