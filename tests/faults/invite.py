"""`python -m tests.faults.invite NUMBER`: create this many contacts and invite all of them to the open event, as staff
do. Prints the mailing's key."""

import os
import sys

import django

from tests.faults.prepare import SLUG

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imagine.settings")
    django.setup()

    from partners.models import Contact
    from partners.organizations import contacts  # needs the loaded apps
    from summit.invitations import starting
    from summit.models import Audience, Event

    number = int(sys.argv[1])
    contacts.add_contacts(Contact(name=f"Guest {n}", email=f"invited{n:05}@example.org") for n in range(number))
    audience = Audience.objects.create(name="Everybody")
    audience.uploaded_contacts.set(Contact.objects.all())
    print(starting.start_invitations(Event.objects.get(slug=SLUG), audience, count=number, by="office").pk)
