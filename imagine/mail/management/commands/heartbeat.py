"""Exits with 1 when no task came through a queue lately; the containers' health check of worker and beat."""

from django.core.management.base import BaseCommand, CommandError

from imagine.mail import health


class Command(BaseCommand):
    help = "Fails when no task came through the queue in the last seconds."

    def add_arguments(self, parser):
        parser.add_argument("--queue", default="transactional")
        parser.add_argument("--max-age", type=int, default=120, help="seconds")

    def handle(self, *args, queue, max_age, **options):
        age = health.seconds_since_heartbeat(queue)
        if age is None:
            raise CommandError(f"No heartbeat has come through the queue {queue} yet.")
        if age > max_age:
            raise CommandError(f"The last heartbeat through the queue {queue} is {age:.0f} seconds old.")
        self.stdout.write(f"The last heartbeat through the queue {queue} is {age:.0f} seconds old.")
