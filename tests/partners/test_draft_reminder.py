"""The one reminder of an unsigned draft: what it says, in whose words, and how one ends it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail import editable_templates, preferences
from imagine.mail.editable_templates import TEMPLATES, TemplateText
from imagine.mail.models import Message
from partners import tasks
from partners.models import Contact, Pledge
from partners.organizations import contacts, merging
from partners.pledges import editing as pledge_editing
from tests import factories

pytestmark = pytest.mark.django_db


def reminded(**fields) -> Message:
    pledge = factories.draft_pledge(**fields)
    factories.backdate_pledge(pledge, 6)
    tasks.remind_drafts()
    return Message.objects.get(kind="draft", object_id=pledge.pk)


def test_it_says_what_is_missing_and_ends_by_one_click(settings):
    message = reminded()
    pledge = Contact.objects.get().pledges.get()
    assert message.subject == "Your promises for 2027–28 are not signed yet"
    assert message.body_text.startswith(
        "What you ticked for Port Gate Logistics is saved, but it counts only when it is signed.\n\n"
        "If you decided otherwise, do nothing: we do not remind you again.\n\n"
        "Port Gate Logistics\n\nSchool year 2027–28\n\n"
        f"Finish and sign:\n{settings.SITE_URL}{pledge.get_absolute_url()}\n\n"
        "The link belongs to your organization alone."
    )
    assert message.queue == Message.Queue.BULK
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference(factories.EMAIL), "reminders"
    )
    assert message.unsubscribe_url in message.body_text


def test_it_says_until_when_the_year_is_open():
    factories.pledge_year(announced_deadline="2090-05-31")
    assert "School year 2027–28\nOpen until May 31, 2090\n" in reminded().body_text


def test_it_is_in_staffs_words():
    editable_templates.save_text(
        TEMPLATES["draft"], "es", TemplateText("Falta firmar, {organization}", "Firme aquí: {link}")
    )
    message = reminded(language="es")
    assert message.subject == "Falta firmar, Port Gate Logistics"
    assert "Firme aquí: http" in message.body_text
    assert "Año escolar 2027–28" in message.body_text


def test_organization_that_looks_like_html_stays_a_name():
    message = reminded(organization="<b>{link}</b>")
    assert "What you ticked for <b>{link}</b> is saved" in message.body_text
    assert "<b>&lt;b&gt;{link}&lt;/b&gt;</b>" in message.body_html


@pytest.mark.parametrize("state", ["queued", "rejected", "failed"])
def test_one_that_did_not_arrive_is_written_to_the_right_address_with_the_links_of_that(state):
    message = reminded()
    Message.objects.filter(pk=message.pk).update(state=state)
    contacts.correct_contact(Contact.objects.get(), email="right@example.org")
    tasks.remind_drafts()
    again = Message.objects.get(idempotency_key=message.idempotency_key)
    assert (again.recipient, again.state) == ("right@example.org", "queued")
    assert again.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("right@example.org"), "reminders"
    )
    assert preferences.get_preference(factories.EMAIL).token not in again.body_text + again.body_html


@pytest.mark.parametrize("state", ["sent", "unknown"])
def test_one_that_arrived_or_may_have_stays_as_it_was(state):
    message = reminded()
    Message.objects.filter(pk=message.pk).update(state=state, sent_at=timezone.now() if state == "sent" else None)
    contacts.correct_contact(Contact.objects.get(), email="right@example.org")
    tasks.remind_drafts()
    assert Message.objects.get(idempotency_key=message.idempotency_key).recipient == factories.EMAIL


# What waits and is not true any more -----------------------------------------------------------------------------


@pytest.fixture
def waits():
    """A draft whose reminder is not sent yet, and the one of another organization, which stays."""
    factories.draft_pledge("Zeta Freight", "z@example.org")
    reminded()
    Pledge.objects.update(changed_at=timezone.now() - timedelta(days=6))
    tasks.remind_drafts()
    assert queued() == ["Port Gate Logistics", "Zeta Freight"]
    return Pledge.objects.get(organization__name="Port Gate Logistics")


def queued() -> list[str]:
    """The organizations whose reminders wait to be sent."""
    return sorted(message.about.organization.name for message in Message.objects.filter(kind="draft"))


def sign(pledge: Pledge) -> None:
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promised()), name="Alma Reyes"
    )


def test_who_signed_meanwhile_is_not_reminded(waits):
    sign(waits)
    assert queued() == ["Zeta Freight"]


def test_who_saved_meanwhile_is_reminded(waits):
    pledge_editing.save_draft(waits.token, **factories.pledge_data(waits.token, factories.promised(quantity=7)))
    assert queued() == ["Port Gate Logistics", "Zeta Freight"]


@pytest.mark.slow
@pytest.mark.parametrize("state", [Message.State.SENT, Message.State.FAILED])
def test_what_became_of_a_reminder_before_it_was_signed_stays(waits, state):
    Message.objects.filter(queue="bulk").update(state=state, sent_at=timezone.now() if state == "sent" else None)
    sign(waits)
    assert queued() == ["Port Gate Logistics", "Zeta Freight"]


@pytest.mark.slow
def test_draft_that_becomes_one_with_a_signed_pledge_is_not_reminded_of(waits):
    signed = factories.signed_pledge("Port Gate Logistics Inc", "inc@example.org")
    merging.merge_organizations(waits.organization, signed.organization)
    assert queued() == ["Zeta Freight"]


@pytest.mark.slow
def test_two_drafts_that_become_one_are_not_reminded_of_when_it_is_signed(waits):
    factories.merge(waits.organization, Pledge.objects.exclude(pk=waits.pk).get().organization)
    assert queued() == []  # their link was replaced
    tasks.remind_drafts()
    assert queued() == ["Port Gate Logistics"]
    sign(Pledge.objects.get())
    assert queued() == []


def test_nobody_is_reminded_of_a_closed_year(waits):
    factories.close_year()
    assert queued() == []
