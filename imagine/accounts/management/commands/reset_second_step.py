from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from imagine.accounts import second_factor


class Command(BaseCommand):
    help = "Takes an account's second step and sessions away, for a superuser who lost everything."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *args, username, **options):
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account {username}.")
        if not second_factor.reset(user):
            raise CommandError(f"{username} has no second step.")
        self.stdout.write("Second step reset. The next sign-in sets up a new one.")
