"""gunicorn's configuration (`-c python:imagine.gunicorn`): log in the project's format, be fast from the first page.

gunicorn's own format quotes the URL of a failed request, which may be a personal link.
"""

import gc

from imagine.settings import LOGGING
from imagine.warm_up import close_connections, request_pages

logconfig_dict = {
    **LOGGING,
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        # Any dictConfig turns this logger on, and its lines contain URLs. imagine.core.middleware logs requests.
        "gunicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
    },
}

# Code, templates, and translations are loaded once and shared by all workers, even those that start later.
preload_app = True


def when_ready(server) -> None:
    request_pages(server.app.wsgi())
    close_connections()  # a connection must not be shared with the workers, which are forked next
    freeze_objects()


def post_worker_init(worker) -> None:
    request_pages(worker.wsgi)  # over a connection of its own
    freeze_objects()


def freeze_objects() -> None:
    """Keep what was loaded out of garbage collection. Going through these 140,000 objects stops a worker for 0.1 s, and
    with it everyone who waits for an event that it has locked."""
    gc.collect()
    gc.freeze()
