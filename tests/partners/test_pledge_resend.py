"""A resent email about a pledge has current facts, or resending is refused with a message."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from imagine.mail import editable_templates, preferences, queue
from imagine.mail.editable_templates import TemplateText
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from partners.emails.kinds import PledgeEmailKind
from partners.models import Contact, Organization, Pledge, PledgeRequest, PledgeYear
from partners.organizations import contacts
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db
State = Message.State
OUTDATED = "What it said yesterday"


@pytest.fixture
def pledge() -> Pledge:
    """A signed pledge whose emails were sent yesterday."""
    pledge = factories.signed_pledge()
    yesterday = timezone.now() - timedelta(days=1)
    Message.objects.update(state=State.SENT, sent_at=yesterday, created_at=yesterday)
    return pledge


def sent(message: Message) -> Message:
    Message.objects.filter(pk=message.pk).update(state=State.SENT, sent_at=timezone.now())
    return Message.objects.get(pk=message.pk)


def outdated(about: Pledge | PledgeRequest, kind: str) -> Message:
    """An email of this kind that was sent, of which nothing is true anymore."""
    message = Message.objects.about(about).filter(kind=PledgeEmailKind.PLEDGE_SIGNED).first()
    if message is None or kind != PledgeEmailKind.PLEDGE_SIGNED:
        message = Message(kind=kind, about=about, idempotency_key="outdated", recipient=factories.EMAIL, language="en")
    message.body_text = OUTDATED
    message.save()
    return sent(message)


def resent(message: Message) -> Message:
    """The one email that resending wrote."""
    known = set(Message.objects.values_list("pk", flat=True))
    assert queue.resend(message)
    return Message.objects.exclude(pk__in=known).get()


def resend_error(message: Message) -> str:
    before = snapshots.tables()
    with pytest.raises(CannotResend) as error:
        queue.resend(message)
    assert snapshots.tables() == before
    return str(error.value)


def test_certificate_email_of_the_latest_version_is_resent(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    assert queue.resend(message)
    assert pledge.messages.filter(kind="pledge_signed").count() == 2


def test_email_of_an_earlier_version_is_refused(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    changed_data = factories.pledge_data(pledge.token, factories.promise_data("mentors", 2))
    pledge_editing.sign_pledge(pledge.token, **changed_data, name="Alma Reyes", role="Owner")
    assert "signed again" in resend_error(message)


def test_reminder_of_a_draft_is_refused_once_it_is_signed(pledge):
    Message.objects.filter(kind="pledge_signed").update(kind=PledgeEmailKind.PLEDGE_DRAFT)
    assert "already signed" in resend_error(pledge.messages.get(kind=PledgeEmailKind.PLEDGE_DRAFT))


@pytest.mark.parametrize("kind", [PledgeEmailKind.PLEDGE_DRAFT, PledgeEmailKind.PLEDGE_BEGUN])
@pytest.mark.parametrize("newer_year", [True, False])
def test_email_about_a_draft_is_refused_once_its_year_is_over(kind, newer_year):
    message = outdated(factories.draft_pledge(), kind)
    if newer_year:
        factories.pledge_year(2028)
    else:
        factories.close_year()
    assert resend_error(message) == (
        "Promises for this school year can’t be signed right now. Email the pledge’s link from its page instead."
    )


def test_link_to_start_a_pledge_is_refused_while_no_year_is_open():
    message = outdated(factories.pledge_request(), PledgeEmailKind.PLEDGE_REQUEST)
    factories.close_year()
    assert resend_error(message) == "No school year is open for promises right now."


def test_link_to_start_a_pledge_is_refused_once_it_was_used():
    token = factories.pledge_request().token
    message = sent(Message.objects.get())
    pledge_editing.save_draft(token, **factories.pledge_data(token, factories.promise_data()))
    assert "email its link from its page instead" in resend_error(message)


def test_reminder_is_refused_to_someone_who_unsubscribed():
    pledge = factories.draft_pledge()
    message = outdated(pledge, PledgeEmailKind.PLEDGE_DRAFT)
    preferences.set_topics(preferences.get_preference(pledge.contact.email), reminders=False)
    assert resend_error(message).startswith("This address unsubscribed from these emails, or it bounces.")


def test_email_is_refused_while_nobody_answers_for_the_pledge(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    Contact.objects.update(may_open_pledge=False)
    assert resend_error(message).startswith("This pledge has no contact who can open it.")


def test_email_to_another_contact_of_the_organization_is_resent_to_them(pledge):
    other = factories.contact(pledge.organization, "chue@example.org", "Chue Vang")
    Contact.objects.filter(pk=other.pk).update(language="es")
    pledge_links.email_link(pledge, to=other)
    email = resent(sent(pledge.messages.get(recipient="chue@example.org")))
    assert (email.recipient, email.language) == ("chue@example.org", "es")


def test_resent_link_still_has_the_link_for_another_organization(pledge):
    start = factories.pledge_request("Harbor Bakery")
    email = resent(sent(pledge.messages.get(kind="pledge_link")))
    assert pledge.get_absolute_url() in email.body_text
    assert start.get_absolute_url() in email.body_text


def test_email_that_may_have_arrived_is_resent_only_while_it_reads_the_same(pledge):
    message = pledge.messages.get(kind="pledge_signed")
    Message.objects.filter(pk=message.pk).update(state=State.UNKNOWN, sent_at=None)
    message = Message.objects.get(pk=message.pk)
    Organization.objects.update(name="Harbor Freight")
    assert resend_error(message) == (
        "This email may have been delivered, and its details have changed since. Mark it as delivered first. Then you "
        "can resend it with today’s details."
    )
    Organization.objects.update(name=factories.ORGANIZATION)
    assert queue.resend(message)
    assert Message.objects.get(pk=message.pk).possible_duplicate


# Every kind ------------------------------------------------------------------------------------------------------


def pledge_for(kind: PledgeEmailKind) -> Pledge:
    if kind == PledgeEmailKind.PLEDGE_RENEWAL:
        last_years = factories.signed_pledge()
        factories.pledge_year(2028)
        return last_years
    return factories.signed_pledge() if kind == PledgeEmailKind.PLEDGE_SIGNED else factories.draft_pledge()


@pytest.mark.parametrize("kind", [kind for kind in PledgeEmailKind if kind != PledgeEmailKind.PLEDGE_REQUEST])
def test_resent_email_has_the_current_facts(kind):
    pledge = pledge_for(kind)
    message = outdated(pledge, kind)
    contacts.correct_contact(pledge.contact, email="right@example.org")  # and its link is replaced
    Organization.objects.update(name="Harbor Freight")
    Pledge.objects.update(language="es")
    Contact.objects.update(language="es")
    PledgeYear.objects.update(announced_deadline=date(2061, 4, 7))
    template = editable_templates.TEMPLATES[PledgeEmailKind.PLEDGE_DRAFT]
    editable_templates.save_text(template, "es", TemplateText("Por firmar", "Texto nuevo para {organization}"))
    email = resent(message)
    pledge.refresh_from_db()
    assert (email.kind, email.recipient, email.language) == (kind, "right@example.org", "es")
    for fact in ("Harbor Freight", "7 de abril de 2061", pledge.get_absolute_url()):
        assert fact in email.body_text
    assert OUTDATED not in email.body_text
    assert ("Texto nuevo para Harbor Freight" in email.body_text) == (kind == PledgeEmailKind.PLEDGE_DRAFT)
    assert bool(email.attachment_kind) == (kind == PledgeEmailKind.PLEDGE_SIGNED)


def test_resent_link_to_start_a_pledge_has_the_current_facts():
    request = factories.pledge_request()
    message = outdated(request, PledgeEmailKind.PLEDGE_REQUEST)
    PledgeRequest.objects.update(language="es")
    PledgeYear.objects.update(announced_deadline=date(2061, 4, 7))
    email = resent(message)
    assert (email.recipient, email.language) == (request.email, "es")
    assert "7 de abril de 2061" in email.body_text
    assert request.get_absolute_url() in email.body_text


def test_message_page_says_why_a_pledge_email_is_not_resent(staff):
    message = outdated(factories.draft_pledge(), PledgeEmailKind.PLEDGE_DRAFT)
    factories.close_year()
    address = f"/imagine/admin/mail/message/{message.pk}/change/"
    for language, sentence in (
        ("en", "Promises for this school year can’t be signed right now."),
        ("es", "Por ahora no se pueden firmar las promesas de este año escolar."),
    ):
        page = staff.post(address, {"_resend": "1"}, follow=True, headers={"accept-language": language})
        assert sentence in web_client.page_text(page)
