from django.core.management.base import BaseCommand

from summit import roles


class Command(BaseCommand):
    help = "Makes the groups Community Relations and Viewer, and gives them what they lack. Safe to repeat."

    def handle(self, **options):
        for name, given in roles.create_roles().items():
            self.stdout.write(f"{name}: {given} permissions given")
