"""The Celery application. Its configuration and its schedule stand in settings.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")

app = Celery("imagine")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
