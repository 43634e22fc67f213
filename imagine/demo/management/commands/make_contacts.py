"""Invent thousands of contacts, to see how a large mailing goes."""

from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError

from imagine.demo.data import guests

MAX_CONTACTS = 100_000


def contact_count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MAX_CONTACTS:
        return int(text)
    raise ArgumentTypeError(f"a number from 1 to {MAX_CONTACTS:,}".replace(",", ""))


class Command(BaseCommand):
    help = f"Invents contacts at example.org and the audience “{guests.AUDIENCE}”, for load runs in the demo."

    def add_arguments(self, parser):
        parser.add_argument("number", type=contact_count, help="how many there are to be: 10000")

    def handle(self, *args, number: int, **options):
        try:
            made = guests.invent_contacts(number)
        except guests.RealPeople:
            raise CommandError("There are addresses beyond example.org here, so nobody was invented.") from None
        self.stdout.write(f"{made} contacts were made; the audience “{guests.AUDIENCE}” has {number}.")
