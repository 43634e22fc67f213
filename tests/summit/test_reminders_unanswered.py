"""People who haven't answered an invitation are reminded once, after a week, if there is still time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from imagine.mail import editable_templates, preferences
from imagine.mail.models import Message
from partners.models import Contact
from summit.models import Event, Invitation
from summit.reminders import sending as reminder_sending
from tests import factories
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment, only_reminder, reminder_rows, run_reminders

pytestmark = pytest.mark.django_db


SENT_AT = moment(3, 10, 15)


def invite(event: Event, *names: str, sent_at=SENT_AT, **fields) -> list[Invitation]:
    """Create invitations sent on the afternoon of March 10, 2061, to contacts without an organization."""
    people = [factories.person(name, **fields) for name in names]
    factories.write_mailing(event, *people)
    state = {"state": "sent", "sent_at": sent_at} if sent_at else {"state": "queued"}
    Message.objects.filter(queue="bulk", state="queued").update(**state)
    return list(event.invitations.order_by("pk"))


def test_unanswered_reminder_is_sent_once_on_the_seventh_morning():
    event = reminder_fixtures.event()
    invite(event, "Alma Reyes")
    assert run_reminders(moment(3, 16, 23), moment(3, 17, 8, 59)) == []
    assert run_reminders(moment(3, 17, 9)) == ["unanswered alma.reyes@example.org"]
    assert run_reminders(moment(3, 17, 9, 5), moment(3, 24, 9), moment(3, 30, 9)) == [
        "unanswered alma.reyes@example.org"
    ]
    assert ("unanswered", "04-07", 1, False, True) in reminder_rows()


def test_reminder_says_when_rsvp_closes_and_links_to_the_invitation():
    [invitation] = invite(reminder_fixtures.event(), "Alma Reyes")
    run_reminders(moment(3, 17, 9))
    message = only_reminder("unanswered")
    assert message.subject == "Will you join us? Imagine Promise Summit, April 7"
    assert "Please answer by Wednesday, April 6, 2061, at 8:00\N{NO-BREAK SPACE}a.m. This is" in message.body_text
    assert invitation.get_absolute_url() in message.body_text
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("alma.reyes@example.org"), "reminders"
    )
    assert message.expires_at == invitation.event.rsvp_closes_at


def test_reminder_is_in_the_contacts_language():
    invite(reminder_fixtures.event(), "Alma Reyes", language="es")
    run_reminders(moment(3, 17, 9))
    assert only_reminder("unanswered").subject == "¿Nos acompañará? Cumbre Imagine Promise, 7 de abril"


def test_answered_unsubscribed_or_suppressed_contacts_get_no_reminder():
    event = reminder_fixtures.event()
    names = ["Accepted", "Declined", "Came by herself", "No reminders", "No invitations", "Refused", "Cancelled again"]
    invitations = {one.contact.name: one for one in invite(event, *names)}
    for name in ("Accepted", "Cancelled again"):
        Invitation.objects.filter(pk=invitations[name].pk).update(rsvp=reminder_fixtures.rsvp(event, name))
    Invitation.objects.filter(pk=invitations["Declined"].pk).update(declined_at=moment(3, 11))
    reminder_fixtures.rsvp(event, "Came by herself", email="CAME.BY.HERSELF@example.org")
    preferences.set_topics(preferences.get_preference("no.reminders@example.org"), reminders=False)
    preferences.set_topics(preferences.get_preference("no.invitations@example.org"), invitations=False)
    preferences.suppress("refused@example.org", "550")
    event.rsvps.filter(name="Cancelled again").update(held_seats=0, canceled_at=moment(3, 12))
    assert run_reminders(moment(3, 17, 9)) == []


def test_contact_whose_invitation_was_not_sent_gets_no_reminder():
    invite(reminder_fixtures.event(), "Alma Reyes", sent_at=None)
    assert run_reminders(moment(3, 30, 9)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"rsvp_closes_at": moment(3, 18, 8, 59)},
        {"rsvp_opens_at": moment(3, 17, 9, 1)},
        {"canceled_at": moment(3, 11)},
        {"is_published": False},
    ],
)
def test_no_reminder_is_sent_unless_rsvp_is_open_for_another_day(change):
    event = reminder_fixtures.event()
    invite(event, "Alma Reyes")
    Event.objects.filter(pk=event.pk).update(**change)
    assert run_reminders(moment(3, 17, 9)) == []


def test_unsent_reminder_is_deleted_once_the_invitation_is_answered():
    event = reminder_fixtures.event()
    [invitation] = invite(event, "Alma Reyes")
    assert run_reminders(moment(3, 17, 9), sent=False) == ["unanswered alma.reyes@example.org"]
    Invitation.objects.filter(pk=invitation.pk).update(declined_at=moment(3, 17, 10))
    assert run_reminders(moment(3, 17, 11), sent=False) == []
    assert ("unanswered", "04-07", 0, False, False) in reminder_rows()


def test_unsent_reminder_is_deleted_once_rsvp_closes():
    invite(reminder_fixtures.event(), "Alma Reyes")
    run_reminders(moment(3, 17, 9), sent=False)
    assert run_reminders(moment(4, 6, 8), sent=False) == []


def test_reminder_uses_staffs_edited_text_with_the_organization_name():
    contact = factories.contact(factories.organization("Port Gate Logistics"))
    event = reminder_fixtures.event()
    factories.write_mailing(event, Contact.objects.get(pk=contact.pk))
    Message.objects.filter(queue="bulk").update(state="sent", sent_at=moment(3, 10))
    template = editable_templates.TemplateText("And {organization}?", "We hope for {organization}.")
    editable_templates.save_text(editable_templates.TEMPLATES["unanswered"], "en", template)
    run_reminders(moment(3, 17, 9))
    assert only_reminder("unanswered").subject == "And Port Gate Logistics?"


@pytest.mark.slow
def test_queries_do_not_grow_with_the_invitations():
    counted = []
    for number in (3, 30):
        event = reminder_fixtures.event()
        invite(event, *[f"Guest {number} {guest}" for guest in range(number)])
        with CaptureQueriesContext(connection) as queries:
            reminder_sending.send_due_reminders(moment(3, 17, 9))
        counted.append(len(queries))
        assert len(reminder_fixtures.sent_reminders()) == number
        Message.objects.all().delete()
        Event.objects.filter(pk=event.pk).update(is_published=False)
    assert counted[0] == counted[1]
