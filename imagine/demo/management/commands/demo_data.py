from django.core.management.base import BaseCommand

from imagine.demo.data import story


class Command(BaseCommand):
    help = "Fills an empty database with made-up events, guests, and partners. Changes nothing if there is an event."

    def handle(self, *args, **options):
        filled = story.fill_database()
        self.stdout.write("Sample data created." if filled else "There are already events, so nothing was changed.")
