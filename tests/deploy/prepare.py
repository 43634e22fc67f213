"""`python -m tests.deploy.prepare`: a database with an open school year, contacts, and for each pool mode an open event
and a superuser of its name."""

import django
from django.core.management import call_command

POOL_MODES = ("session", "transaction")
CONTACTS = 40
APP_KEY = "0123456789abcdef0123456789abcdef01234567"  # of the superusers' authenticator apps

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)

    from django.contrib.auth.models import User  # needs the loaded apps

    from tests import factories
    from tests.accounts.people import add_app
    from tests.factories import pledge_year

    pledge_year()
    for mode in POOL_MODES:
        factories.event(slug=mode, title=f"Summit ({mode})", capacity=1000)
        call_command("createsuperuser", username=mode, email=f"{mode}@example.org", interactive=False)
        add_app(User.objects.get(username=mode), key=APP_KEY)
    call_command("make_contacts", str(CONTACTS))
