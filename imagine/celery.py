"""The Celery application. Its configuration and its schedule are in settings.py."""

import os

from celery import Celery, Task
from django.db import close_old_connections
from kombu.transport.redis import QoS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")

# A worker that loses its broker while it holds a task crashes when it puts the task back (kombu 5.7, AttributeError:
# "'NoneType' object has no attribute 'hostname'"). Nothing has to be put back: the work is a row in the database.
QoS.restore_at_shutdown = False


class FrugalTask(Task):
    """Keep the database connection between tasks, as web requests do, with CONN_MAX_AGE and its health check. Celery
    itself would open a new one for each task."""

    def __call__(self, *args, **kwargs):
        if not self.request.called_directly:
            close_old_connections()
        return super().__call__(*args, **kwargs)


app = Celery("imagine", task_cls=FrugalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # celery.current_app, in every thread
