"""`python -m benchmarks.invite RUN NUMBER`: so many people are known, and all of them are invited to an event of their
own as the office does it. Prints the time at which that was confirmed, in seconds.
"""

import sys
import time

import django

if __name__ == "__main__":
    django.setup()

    from benchmarks.prepare import open_event  # needs the loaded apps
    from partners.models import Contact
    from partners.organizations import contacts
    from summit.invitations import starting
    from summit.models import Audience

    run, number = map(int, sys.argv[1:])
    domain = f"run{run}.example.org"
    contacts.add_contacts(Contact(name=f"Guest {n}", email=f"guest{n}@{domain}") for n in range(number))
    audience = Audience.objects.create(name=f"Everybody of run {run}")
    audience.uploaded_contacts.set(Contact.objects.filter(email__endswith=f"@{domain}"))
    event = open_event(f"kickoff-{run}")
    started = time.time()
    starting.start_invitations(event, audience, count=number, by="office")
    print(started)
