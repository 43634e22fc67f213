"""Which mail a contact wants is kept with the address: one address, one answer."""

from django.db import migrations

WANTS = ("wants_invitations", "wants_reminders", "wants_news")


def to_addresses(apps, schema_editor):
    contacts = apps.get_model("partners", "Contact").objects
    addresses = apps.get_model("imagine", "Address").objects
    for contact in contacts.exclude(wants_invitations=True, wants_reminders=True, wants_news=False).iterator():
        address, made = addresses.get_or_create(email=contact.email.lower())
        for name in WANTS:  # of two contacts with one address, whoever said no
            wanted = getattr(contact, name)
            setattr(address, name, wanted if made else wanted and getattr(address, name))
        address.save()


def to_contacts(apps, schema_editor):
    contacts = apps.get_model("partners", "Contact").objects
    for address in apps.get_model("imagine", "Address").objects.iterator():
        contacts.filter(email__iexact=address.email).update(**{name: getattr(address, name) for name in WANTS})


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_imports"), ("imagine", "0008_pace")]

    operations = [migrations.RunPython(to_addresses, to_contacts)]
