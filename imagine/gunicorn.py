"""gunicorn's configuration (`-c python:imagine.gunicorn`): its own log in the project's format.

Of a request that failed it would quote the address, which may be a private link.
"""

from imagine.settings import LOGGING

logconfig_dict = {
    **LOGGING,
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("gunicorn.error", "gunicorn.access")},
}
