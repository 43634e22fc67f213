"""gunicorn's configuration (`-c python:imagine.gunicorn`): log in the project's format.

gunicorn's own format quotes the URL of a failed request, which may be a personal link.
"""

from imagine.settings import LOGGING

logconfig_dict = {
    **LOGGING,
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        # Any dictConfig turns this logger on, and its lines contain URLs. imagine.core.middleware logs requests.
        "gunicorn.access": {"handlers": [], "propagate": False, "level": "CRITICAL"},
    },
}
