from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from imagine.accounts import second_factor


class Command(BaseCommand):
    help = (
        "Resets an account's second step and ends its sessions, for a superuser who lost their phone and their codes."
    )

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *args, username, **options):
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account with the username {username}.")
        if not second_factor.reset(user):
            raise CommandError(f"{username} has no second step to reset.")
        self.stdout.write("Second step reset. They'll set up a new one at the next sign-in.")
