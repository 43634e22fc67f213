from django.core.management.base import BaseCommand

from imagine.privacy import erasing


class Command(BaseCommand):
    help = "Erases again who was erased before a backup was restored. Run it before the site is opened. Safe to repeat."

    def handle(self, **options):
        self.stdout.write(f"People erased again: {erasing.finish_erasures()}")
