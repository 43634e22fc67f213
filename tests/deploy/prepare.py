"""`python -m tests.deploy.prepare`: a database with an open event, an open school year, a superuser and contacts."""

import django
from django.core.management import call_command

SLUG = "summit"
CONTACTS = 40

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)

    from tests import factories  # needs the loaded apps
    from tests.factories import pledge_year

    factories.event(slug=SLUG, capacity=1000)
    pledge_year()
    call_command("createsuperuser", username="staff", email="staff@example.org", interactive=False)
    call_command("make_contacts", str(CONTACTS))
