"""Tell Celery that there is work. The broker may be down: the row in the database is the truth, and a periodic task
finds it.

Only senders are impatient: a worker that gives up on an acknowledgement loses that place in its queue for good, and
after two of them it takes no more tasks.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app
from kombu.exceptions import OperationalError
from kombu.pools import producers
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# A dead or frozen broker costs a request these seconds, once.
IMPATIENT = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2, "retry_on_timeout": False, "max_retries": 0}
BACKOFF_SECONDS = 5
WAKEUP = "imagine.wakeup."  # with the queue: the broker's note that workers were woken and none has begun yet
WAKEUP_SECONDS = 10  # after that it counts as lost
DELIVER = {"transactional": "imagine.mail.tasks.deliver", "bulk": "imagine.mail.tasks.deliver_bulk"}


class Backoff:
    """Remembers that a server did not answer, so that the next caller doesn't wait for it too."""

    def __init__(self):
        self.until = 0.0

    def start(self):
        self.until = time.monotonic() + BACKOFF_SECONDS

    @property
    def is_active(self) -> bool:
        return time.monotonic() < self.until


broker = current_app.connection_for_write(transport_options=IMPATIENT)
broker_backoff = Backoff()


def send_task(task: str, *arguments: int | str) -> None:
    """Tell a worker that there is work on one row. Never raise if the broker is down."""
    with broker_available() as available:
        if available:
            publish(task, arguments)


def wake_workers(queue: str = "transactional") -> None:
    """Tell a worker that email of a queue is due. One wakeup stands for many messages: while it is on its way and no
    worker has taken it up, another would say nothing new. Never raise if the broker is down."""
    with broker_available() as available:
        if available and redis().set(WAKEUP + queue, 1, nx=True, ex=WAKEUP_SECONDS):
            publish(DELIVER[queue])


def clear_wakeup(queue: str = "transactional") -> None:
    """Let the next message wake workers again. A worker calls this before it looks for due messages, so none is
    missed."""
    with broker_available() as available:
        if available:
            redis().delete(WAKEUP + queue)


def redis() -> Redis:
    """The client of the broker's connection."""
    return broker.default_channel.client


@contextmanager
def broker_available() -> Iterator[bool]:
    """Whether the broker is worth a try. If it fails inside, it isn't tried again for BACKOFF_SECONDS."""
    if broker_backoff.is_active:
        yield False
        return
    try:
        yield True
    except (OperationalError, RedisError, OSError):
        broker_backoff.start()
        logger.warning("The broker does not answer; the work waits for the next sweep.")


def publish(task: str, arguments: tuple[int | str, ...] = ()) -> None:
    with producers[broker].acquire(block=True) as producer:
        current_app.send_task(task, arguments, retry=False, producer=producer)
