"""gunicorn's configuration (`-c python:imagine.gunicorn`): its own log in the project's format.

Of a request that failed it would quote the address, which may be a private link.
"""

from imagine.settings import LOGGING

logconfig_dict = {
    **LOGGING,
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        # A dictionary turns this one on; its lines hold addresses and queries. imagine.core.middleware has ours.
        "gunicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
    },
}
