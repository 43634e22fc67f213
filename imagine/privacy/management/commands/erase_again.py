from django.core.management.base import BaseCommand

from imagine.privacy import erasing


class Command(BaseCommand):
    help = (
        "Erases people again who came back with a restored backup. Run it after restoring a backup and before you open "
        "the site. Safe to repeat."
    )

    def handle(self, **options):
        self.stdout.write(f"People erased again: {erasing.finish_erasures()}")
