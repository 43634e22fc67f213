from django.core.management.base import BaseCommand

from imagine.access import roles


class Command(BaseCommand):
    help = f"Creates the staff roles ({', '.join(roles.ROLES)}) and adds the permissions they lack. Safe to repeat."

    def handle(self, **options):
        for name, given in roles.create_roles().items():
            self.stdout.write(f"{name}: {given} permissions added")
