"""The project: settings, the stored message, the demo. It knows nothing of events or partners."""

from imagine.celery import app as celery_app

__all__ = ["celery_app"]
