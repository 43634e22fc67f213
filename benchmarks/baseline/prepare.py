"""`python -m benchmarks.baseline.prepare`: the baseline's tables and one event."""

import django
from django.core.management import call_command
from django.utils import timezone

if __name__ == "__main__":
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)

    from benchmarks.baseline.models import Event  # needs the loaded apps

    Event.objects.create(title="Summit", slug="summit", starts_at=timezone.now(), venue="Pacific", capacity=20_000)
