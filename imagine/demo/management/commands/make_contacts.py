"""Create thousands of made-up contacts, to try a large mailing."""

from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError

from imagine.demo.data import guests

MAX_CONTACTS = 100_000


def contact_count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MAX_CONTACTS:
        return int(text)
    raise ArgumentTypeError(f"a number from 1 to {MAX_CONTACTS:,}".replace(",", ""))


class Command(BaseCommand):
    help = f"Creates made-up contacts at example.org, and the audience “{guests.AUDIENCE}”, for load tests in the demo."

    def add_arguments(self, parser):
        parser.add_argument(
            "number", type=contact_count, help="how many contacts the audience should have, such as 10000"
        )

    def handle(self, *args, number: int, **options):
        try:
            made = guests.invent_contacts(number)
        except guests.RealPeople:
            raise CommandError(
                "This database has addresses outside example.org, so no contacts were created."
            ) from None
        self.stdout.write(f"{made} contacts created. The audience “{guests.AUDIENCE}” has {number}.")
