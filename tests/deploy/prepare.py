"""`python -m tests.deploy.prepare`: a database with an open event, an open school year, a superuser and contacts."""

import django
from django.core.management import call_command

SLUG = "summit"
CONTACTS = 40
APP_KEY = "0123456789abcdef0123456789abcdef01234567"  # of the superuser's authenticator app

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)

    from django.contrib.auth.models import User  # needs the loaded apps

    from tests import factories
    from tests.accounts.people import add_app
    from tests.factories import pledge_year

    factories.event(slug=SLUG, capacity=1000)
    pledge_year()
    call_command("createsuperuser", username="staff", email="staff@example.org", interactive=False)
    add_app(User.objects.get(), key=APP_KEY)
    call_command("make_contacts", str(CONTACTS))
