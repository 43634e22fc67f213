"""Invents thousands of contacts in the demo, to see how inviting them goes."""

from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError

from imagine.demo.data import guests

MOST = 100_000


def some(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MOST:
        return int(text)
    raise ArgumentTypeError(f"a number from 1 to {MOST:,}".replace(",", ""))


class Command(BaseCommand):
    help = f"Invents contacts at example.org and the audience “{guests.AUDIENCE}”, for load runs in the demo."

    def add_arguments(self, parser):
        parser.add_argument("number", type=some, help="how many there are to be: 10000")

    def handle(self, *args, number: int, **options):
        try:
            made = guests.make(number)
        except guests.RealPeople:
            raise CommandError("There are addresses beyond example.org here, so nobody was invented.") from None
        self.stdout.write(f"{made} contacts were made; the audience “{guests.AUDIENCE}” has {number}.")
