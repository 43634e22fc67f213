"""The one reminder of an unsigned draft: its text, edited text, and unsubscribing."""

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


def send_reminder(**fields) -> Message:
    pledge = factories.draft_pledge(**fields)
    factories.backdate_pledge(pledge, 6)
    tasks.remind_drafts()
    return Message.objects.get(kind="draft", object_id=pledge.pk)


def test_reminder_says_the_draft_is_unsigned_and_has_an_unsubscribe_link(settings):
    message = send_reminder()
    pledge = Contact.objects.get().pledges.get()
    assert message.subject == "Your promises for 2027–28 aren’t signed yet"
    assert message.body_text.startswith(
        "Thank you for choosing promises for Port Gate Logistics. Your draft is saved, and it takes effect when you "
        "sign it.\n\n"
        "Changed your mind? You don’t need to do anything. This is the only reminder we’ll send.\n\n"
        "Port Gate Logistics\n\nSchool year 2027–28\n\n"
        f"Finish and sign:\n{settings.SITE_URL}{pledge.get_absolute_url()}\n\n"
        "This link is just for your organization."
    )
    assert message.queue == Message.Queue.BULK
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference(factories.EMAIL), "reminders"
    )
    assert message.unsubscribe_url in message.body_text


def test_reminder_shows_the_announced_deadline():
    factories.pledge_year(announced_deadline="2090-05-31")
    assert "School year 2027–28\nOpen until May 31, 2090\n" in send_reminder().body_text


def test_reminder_uses_the_text_edited_by_staff():
    editable_templates.save_text(
        TEMPLATES["draft"], "es", TemplateText("Falta firmar, {organization}", "Firme aquí: {link}")
    )
    message = send_reminder(language="es")
    assert message.subject == "Falta firmar, Port Gate Logistics"
    assert "Firme aquí: http" in message.body_text
    assert "Año escolar 2027–28" in message.body_text


def test_html_and_placeholders_in_an_organization_name_stay_text():
    message = send_reminder(organization="<b>{link}</b>")
    assert "Thank you for choosing promises for <b>{link}</b>." in message.body_text
    assert "<b>&lt;b&gt;{link}&lt;/b&gt;</b>" in message.body_html


@pytest.mark.parametrize("state", ["queued", "rejected", "failed"])
def test_undelivered_reminder_is_queued_again_for_the_corrected_email(state):
    message = send_reminder()
    Message.objects.filter(pk=message.pk).update(state=state)
    contacts.correct_contact(Contact.objects.get(), email="right@example.org")
    tasks.remind_drafts()
    resent = Message.objects.get(idempotency_key=message.idempotency_key)
    assert (resent.recipient, resent.state) == ("right@example.org", "queued")
    assert resent.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("right@example.org"), "reminders"
    )
    assert preferences.get_preference(factories.EMAIL).token not in resent.body_text + resent.body_html


@pytest.mark.parametrize("state", ["sent", "unknown"])
def test_sent_or_unknown_reminder_keeps_its_recipient(state):
    message = send_reminder()
    Message.objects.filter(pk=message.pk).update(state=state, sent_at=timezone.now() if state == "sent" else None)
    contacts.correct_contact(Contact.objects.get(), email="right@example.org")
    tasks.remind_drafts()
    assert Message.objects.get(idempotency_key=message.idempotency_key).recipient == factories.EMAIL


# What waits and is not true any more -----------------------------------------------------------------------------


@pytest.fixture
def unsent_reminder():
    """A draft whose reminder isn't sent yet, and a draft of another organization that stays."""
    factories.draft_pledge("Zeta Freight", "z@example.org")
    send_reminder()
    Pledge.objects.update(changed_at=timezone.now() - timedelta(days=6))
    tasks.remind_drafts()
    assert queued_organizations() == ["Port Gate Logistics", "Zeta Freight"]
    return Pledge.objects.get(organization__name="Port Gate Logistics")


def queued_organizations() -> list[str]:
    """Return the organizations whose reminders are queued."""
    return sorted(message.about.organization.name for message in Message.objects.filter(kind="draft"))


def sign(pledge: Pledge) -> None:
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data()), name="Alma Reyes"
    )


def test_signing_in_the_meantime_cancels_the_reminder(unsent_reminder):
    sign(unsent_reminder)
    assert queued_organizations() == ["Zeta Freight"]


def test_saving_the_draft_in_the_meantime_keeps_the_reminder(unsent_reminder):
    pledge_editing.save_draft(
        unsent_reminder.token, **factories.pledge_data(unsent_reminder.token, factories.promise_data(quantity=7))
    )
    assert queued_organizations() == ["Port Gate Logistics", "Zeta Freight"]


@pytest.mark.slow
@pytest.mark.parametrize("state", [Message.State.SENT, Message.State.FAILED])
def test_sent_or_failed_reminder_stays_after_signing(unsent_reminder, state):
    Message.objects.filter(queue="bulk").update(state=state, sent_at=timezone.now() if state == "sent" else None)
    sign(unsent_reminder)
    assert queued_organizations() == ["Port Gate Logistics", "Zeta Freight"]


@pytest.mark.slow
def test_merging_a_draft_with_a_signed_pledge_cancels_the_reminder(unsent_reminder):
    signed = factories.signed_pledge("Port Gate Logistics Inc", "inc@example.org")
    merging.merge_organizations(unsent_reminder.organization, signed.organization)
    assert queued_organizations() == ["Zeta Freight"]


@pytest.mark.slow
def test_merged_drafts_get_one_reminder_that_signing_cancels(unsent_reminder):
    factories.merge(unsent_reminder.organization, Pledge.objects.exclude(pk=unsent_reminder.pk).get().organization)
    assert queued_organizations() == []  # their link was replaced
    tasks.remind_drafts()
    assert queued_organizations() == ["Port Gate Logistics"]
    sign(Pledge.objects.get())
    assert queued_organizations() == []


def test_closing_the_school_year_cancels_reminders(unsent_reminder):
    factories.close_year()
    assert queued_organizations() == []
