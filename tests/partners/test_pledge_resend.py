"""An email about a pledge that staff resend is true, or is refused with what to do instead."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail import queue
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from partners.emails.kinds import EmailKind
from partners.models import Pledge
from partners.organizations import contacts
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from tests import factories, snapshots

pytestmark = pytest.mark.django_db
State = Message.State


@pytest.fixture
def pledge() -> Pledge:
    """Signed, and its emails were sent yesterday."""
    pledge = factories.signed_pledge()
    yesterday = timezone.now() - timedelta(days=1)
    Message.objects.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)
    return pledge


def refusal(message: Message) -> str:
    before = snapshots.tables()
    with pytest.raises(CannotResend) as refused:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(refused.value)


def test_certificate_email_of_the_latest_version_is_resent(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    assert queue.resend(message)
    assert pledge.messages.filter(kind="pledge_signed").count() == 2


def test_email_of_an_earlier_version_is_refused(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    again = factories.pledge_data(pledge.token, factories.promise_data("mentors", 2))
    pledge_editing.sign_pledge(pledge.token, **again, name="Alma Reyes", role="Owner")
    assert "signed again" in refusal(message)


def test_email_with_a_replaced_link_is_refused(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    pledge_links.replace_link(pledge)
    assert "Email the link again" in refusal(message)


def test_email_to_an_old_address_is_refused(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    contacts.correct_contact(pledge.contact, email="right@example.org")
    Message.objects.filter(pk=message.pk).update(recipient="alma@example.org")
    assert "Email the link again" in refusal(Message.objects.get(pk=message.pk))


def test_reminder_of_a_draft_is_refused_once_it_is_signed(pledge):
    Message.objects.filter(kind="pledge_signed").update(kind=EmailKind.PLEDGE_DRAFT)
    assert "signed since" in refusal(pledge.messages.get(kind=EmailKind.PLEDGE_DRAFT))
