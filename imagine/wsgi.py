"""The WSGI entry point: `gunicorn imagine.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")

application = get_wsgi_application()
