"""Inviting from the command line, and the sample contacts for it."""

import pytest
from django.core.management import CommandError, call_command

from imagine.mail.models import Mailing, Message
from partners.models import Contact, Organization
from summit.invitations import starting, writing
from summit.models import Audience, Event, Invitation
from tests import factories, snapshots
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def audience() -> Audience:
    """Two people, one of whom has an RSVP for the event."""
    event = factories.event(slug="kick-off")
    factories.rsvp(event, "Jun")
    return factories.audience(name="Everybody", uploaded_contacts=[person("Alma"), person("Jun")])


def invite(capsys, *arguments: str) -> list[str]:
    call_command("invite", *arguments)
    return capsys.readouterr().out.splitlines()


def failed(*arguments: str) -> tuple[int, str]:
    before = snapshots.tables()
    with pytest.raises(CommandError) as error:
        call_command("invite", *arguments)
    assert snapshots.tables() == before
    return error.value.returncode, str(error.value)


def test_invite_without_yes_is_a_dry_run(audience, capsys):
    before = snapshots.tables()
    assert invite(capsys, "kick-off", "--audience", "Everybody") == [
        f"{Event.objects.get()}: 1 person would be invited.",
        "Excluded: 1 person (Already RSVP’d).",
        "No one was invited. Add --yes to invite them.",
    ]
    assert snapshots.tables() == before


def test_invite_with_yes_starts_the_mailing(audience, capsys):
    output = invite(capsys, "kick-off", "--audience", "Everybody", "--yes")
    mailing = Mailing.objects.get()
    assert output[0].endswith("1 person would be invited.")
    assert output[-1] == f"Started mailing {mailing.pk} to 1 person. Its page in the admin shows its progress."
    assert (mailing.recipient_count, mailing.started_by) == (1, "manage.py invite")
    assert Invitation.objects.get().contact.name == "Alma"
    assert writing.write_mailing(mailing)
    assert Message.objects.filter(mailing=mailing).count() == 1


def test_inviting_again_fails_with_no_one_left(audience, capsys):
    invite(capsys, "kick-off", "--audience", "Everybody", "--yes")
    assert failed("kick-off", "--audience", "Everybody", "--yes") == (
        3,
        "No one in this audience can be invited.",
    )


def test_invite_reports_unknown_event_unknown_audience_and_closed_rsvp(audience):
    assert failed("spring", "--audience", "Everybody") == (1, "There is no event with the web address spring.")
    assert failed("kick-off", "--audience", "Nobody") == (
        1,
        "There is no audience called “Nobody”. Audiences: Everybody.",
    )
    factories.close_rsvp(Event.objects.get())
    output = "RSVPs for this event are closed, so no one could answer. Set a later closing date."
    assert failed("kick-off", "--audience", "Everybody") == (1, output)
    assert failed("kick-off", "--audience", "Everybody", "--yes") == (1, output)


# Invented contacts -----------------------------------------------------------------------------------------------


def test_make_contacts_creates_contacts_and_an_audience(capsys):
    call_command("make_contacts", "10")
    assert capsys.readouterr().out == "10 contacts created. The audience “Invented contacts” has 10.\n"
    assert Contact.objects.count() == 10
    assert Organization.objects.count() == Contact.objects.filter(is_primary=True).count() == 3
    assert set(Contact.objects.values_list("language", flat=True)) == {"en", "es"}
    audience = Audience.objects.get(name="Invented contacts")
    assert starting.start_invitations(factories.event(), audience, count=10, by="test").recipient_count == 10


def test_make_contacts_again_adds_missing_contacts():
    call_command("make_contacts", "6")
    first = dict(Contact.objects.values_list("email", "name"))
    call_command("make_contacts", "6")
    Contact.objects.filter(email="contact-000003@example.org").delete()
    call_command("make_contacts", "9")
    names = dict(Contact.objects.values_list("email", "name"))
    assert names.items() >= first.items()
    assert len(names) == 9
    assert Audience.objects.get().uploaded_contacts.count() == 9


def test_make_contacts_is_refused_when_real_contacts_exist():
    person("Alma", email="alma@port-gate.test.org")
    before = snapshots.tables()
    with pytest.raises(CommandError, match="This database has addresses outside"):
        call_command("make_contacts", "10")
    assert snapshots.tables() == before


@pytest.mark.parametrize("number", ["0", "ten", "-1", "100001"])
def test_make_contacts_refuses_invalid_number(number):
    with pytest.raises(CommandError):
        call_command("make_contacts", number)
