"""The health check of the worker and beat containers."""

from django.core.management.base import BaseCommand, CommandError

from imagine.mail import health


class Command(BaseCommand):
    help = "Exits with 1 if no task has come through the queue recently."

    def add_arguments(self, parser):
        parser.add_argument("--queue", default="transactional")
        parser.add_argument("--max-age", type=int, default=120, help="seconds")

    def handle(self, *args, queue, max_age, **options):
        age = health.seconds_since_heartbeat(queue)
        if age is None:
            raise CommandError(f"The queue {queue} has had no heartbeat yet.")
        if age > max_age:
            raise CommandError(f"The last heartbeat of the queue {queue} was {age:.0f} seconds ago.")
        self.stdout.write(f"The last heartbeat of the queue {queue} was {age:.0f} seconds ago.")
