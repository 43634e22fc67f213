"""`python -m tests.faults.prepare`: create the stack's database with one open event."""

import os

import django
from django.core.management import call_command

SLUG = "summit"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")
    django.setup()
    call_command("migrate", verbosity=0)

    from tests import factories  # needs the loaded apps

    factories.event(slug=SLUG, capacity=1000)
