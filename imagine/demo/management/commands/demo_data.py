from django.core.management.base import BaseCommand

from imagine.demo.data import events as sample_events


class Command(BaseCommand):
    help = "Fills an empty database with invented events and guests; leaves any other as it is."

    def handle(self, *args, **options):
        filled = sample_events.fill_database()
        self.stdout.write("The sample data is in." if filled else "There are events already; nothing was changed.")
