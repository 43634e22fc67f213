"""What happens to invitations when contacts are merged or deleted."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.core.models import AuditEntry
from imagine.mail import preferences, queue
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import EmailPreference, Mailing, Message
from partners.models import Contact, Organization
from partners.organizations import contacts, merging
from summit.invitations import links as invitation_links
from summit.invitations import responses, writing
from summit.models import Event, Invitation, Rsvp
from summit.reminders import sending as reminder_sending
from tests import factories
from tests.factories import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_organizations() -> tuple[Organization, Organization]:
    return factories.organization("Port Gate"), factories.organization("Port Gate, Inc.")


def invite_both(event: Event, two_organizations) -> tuple[Invitation, Invitation]:
    """Invite Alma at both organizations. Her email address is corrected in between."""
    other = person("Alma", two_organizations[1], email="old@example.org")
    invitations = factories.invite(event, person("Alma", two_organizations[0])), factories.invite(event, other)
    contacts.correct_contact(other, email="alma@example.org")
    writing.write_mailing(invitations[1].mailing)
    invitations[1].refresh_from_db()
    return invitations


def test_merging_moves_invitations_to_the_kept_contact(two_organizations):
    kept_contact, merged_contact = (
        person("Alma", two_organizations[0]),
        person("Alma Reyes", two_organizations[1], email="ALMA@example.org"),
    )
    invitation = factories.invite(factories.event(), merged_contact)
    merging.merge_organizations(*two_organizations)
    assert list(Invitation.objects.values_list("pk", "contact")) == [(invitation.pk, kept_contact.pk)]
    assert Message.objects.get().idempotency_key == f"invitation:{invitation.pk}"


def test_merging_keeps_the_invitation_of_a_contact_without_a_duplicate(two_organizations):
    invitation = factories.invite(factories.event(), person("Jun", two_organizations[1]))
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get(pk=invitation.pk).contact.organization == two_organizations[0]


@pytest.mark.slow
@pytest.mark.parametrize("answered", [0, 1])
def test_merging_keeps_the_answered_one_of_two_invitations(two_organizations, answered):
    both = invite_both(factories.event(), two_organizations)
    responses.decline_invitation(both[answered], "No.")
    merging.merge_organizations(*two_organizations)
    assert list(Invitation.objects.values_list("pk", "decline_message", "contact")) == [
        (both[answered].pk, "No.", two_organizations[0].contacts.get().pk)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("accepted", [0, 1])
def test_merging_keeps_the_accepted_one_of_two_answered_invitations(two_organizations, accepted):
    both = invite_both(factories.event(), two_organizations)
    responses.decline_invitation(both[1 - accepted])
    responses.accept_invitation(both[accepted], Rsvp(name="Alma"), size=1)
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[accepted].pk
    assert Invitation.objects.get().answer == Invitation.Answer.ACCEPTED


def test_merging_two_unanswered_invitations_keeps_and_emails_only_the_first(two_organizations):
    both = invite_both(factories.event(), two_organizations)
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[0].pk
    assert Message.objects.filter(content_type__model="invitation").get().idempotency_key == f"invitation:{both[0].pk}"


def set_message_state(invitation: Invitation, state: str, **fields) -> None:
    """Set the state of the invitation's email."""
    claim = {"claim_id": uuid.uuid4(), "claim_expires_at": timezone.now()} if state == "sending" else {}
    sent_at = timezone.now() if state == "sent" else None
    invitation.messages.update(state=state, sent_at=sent_at, **claim, **fields)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [0, 1])
@pytest.mark.parametrize("state", ["queued", "sending", "unknown", "rejected", "failed"])
def test_merging_keeps_the_sent_one_of_two_unanswered_invitations(two_organizations, sent, state):
    """The contact has its link; the other invitation's link stops working."""
    both = invite_both(factories.event(), two_organizations)
    set_message_state(both[sent], "sent")
    set_message_state(both[1 - sent], state)
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[sent].pk
    sent_message = Message.objects.get(idempotency_key=f"invitation:{both[sent].pk}")
    assert (sent_message.state, both[sent].get_absolute_url() in sent_message.body_text) == ("sent", True)


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [{"state": "unknown"}, {"state": "sending", "handed_over_at": timezone.now()}])
@pytest.mark.parametrize("state", ["queued", "sending", "rejected", "failed"])
def test_merging_prefers_a_possibly_sent_invitation_over_an_unsent_one(two_organizations, unknown, state):
    both = invite_both(factories.event(), two_organizations)
    set_message_state(both[1], **unknown)
    set_message_state(both[0], state)
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[1].pk


@pytest.mark.slow
@pytest.mark.parametrize("failed", ["rejected", "failed"])
def test_merging_prefers_a_queued_invitation_over_a_failed_one(two_organizations, failed):
    both = invite_both(factories.event(), two_organizations)
    set_message_state(both[0], failed)
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[1].pk
    assert Message.objects.get(state="queued").idempotency_key == f"invitation:{both[1].pk}"


@pytest.mark.slow
def test_merging_prefers_an_answered_invitation_over_a_sent_one(two_organizations):
    both = invite_both(factories.event(), two_organizations)
    set_message_state(both[1], "sent")
    responses.decline_invitation(both[0])
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[0].pk


@pytest.mark.slow
def test_merging_counts_an_invitation_with_a_sent_new_link_as_sent(two_organizations):
    both = invite_both(factories.event(), two_organizations)
    set_message_state(both[1], "rejected")
    responses.replace_invitation_link(both[1])
    both[1].messages.filter(kind="invitation_new_link").update(state="sent", sent_at=timezone.now())
    merging.merge_organizations(*two_organizations)
    assert Invitation.objects.get().pk == both[1].pk


@pytest.mark.slow
def test_claimed_email_of_the_dropped_invitation_is_not_sent_after_merging(two_organizations):
    """Its link wouldn't work."""
    both = invite_both(factories.event(), two_organizations)
    both[0].messages.update(state="sent", sent_at=timezone.now())
    batch = bulk_delivery.claim_batch()
    merging.merge_organizations(*two_organizations)
    assert not any(map(bulk_delivery.mark_handed_over, batch))


@pytest.mark.slow
def test_merging_moves_sent_emails_to_the_kept_invitation(two_organizations):
    both = invite_both(factories.event(), two_organizations)
    Message.objects.update(state="sent", sent_at=timezone.now())
    merging.merge_organizations(*two_organizations)
    assert both[0].messages.count() == 2
    assert not both[1].messages.exists()


def test_merging_replaces_duplicate_contacts_in_uploaded_lists(two_organizations):
    both = [person("Alma", two_organizations[0]), person("Alma", two_organizations[1])]
    audience, alone = factories.audience(uploaded_contacts=both), factories.audience(uploaded_contacts=both[1:])
    merging.merge_organizations(*two_organizations)
    assert list(audience.uploaded_contacts.all()) == list(alone.uploaded_contacts.all()) == [both[0]]


# Corrected -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("state", ["queued", "rejected", "failed"])
@pytest.mark.parametrize("of_organization", [True, False])
def test_undelivered_invitation_is_rewritten_to_a_corrected_email(state, of_organization):
    contact = person("Alma", factories.organization() if of_organization else None, email="wrong@example.org")
    invitation = factories.invite(factories.event(), contact)
    Message.objects.update(state=state)
    contacts.correct_contact(contact, email="alma@example.org")
    assert not Message.objects.exists()
    assert writing.write_mailing(invitation.mailing)
    assert Message.objects.get().recipient == "alma@example.org"
    assert Message.objects.get().unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("alma@example.org"), "invitations"
    )
    assert Mailing.objects.get().rendered_at


@pytest.mark.slow
def test_claimed_invitation_is_rewritten_to_a_corrected_email():
    contact = person("Alma", email="wrong@example.org")
    invitation = factories.invite(factories.event(), contact)
    batch = bulk_delivery.claim_batch()
    contacts.correct_contact(contact, email="alma@example.org")
    assert not any(map(bulk_delivery.mark_handed_over, batch))
    writing.write_mailing(invitation.mailing)
    assert [message.recipient for message in bulk_delivery.claim_batch()] == ["alma@example.org"]


def test_sent_or_unknown_invitation_gets_a_new_link_at_a_corrected_email():
    some = [person(name) for name in ("Sent", "Unknown", "Sending")]
    mailing = factories.write_mailing(factories.event(), *some)
    Message.objects.filter(recipient="sent@example.org").update(state="sent", sent_at=timezone.now())
    Message.objects.filter(recipient="unknown@example.org").update(state="unknown")
    lease = {"claim_id": uuid.uuid4(), "claim_expires_at": timezone.now(), "handed_over_at": timezone.now()}
    Message.objects.filter(recipient="sending@example.org").update(state="sending", **lease)
    for contact in some:
        contacts.correct_contact(contact, email=f"new.{contact.email}")
    new = Message.objects.filter(kind="invitation_new_link")
    assert {message.recipient for message in new} == {f"new.{contact.email}" for contact in some}
    for message in new:
        assert message.about.get_absolute_url() in message.body_text
    assert Message.objects.count() == 6
    mailing.refresh_from_db()
    assert mailing.rendered_at


@pytest.mark.slow
def test_queued_reminder_and_link_are_not_sent_to_the_wrong_email():
    contact = person("Alma", email="wrong@example.org")
    invitation = factories.invite(factories.event(), contact)
    Message.objects.update(state="sent", sent_at=timezone.now() - timedelta(days=9))
    reminder_sending.write_unanswered_batch(invitation.event, timezone.now())
    invitation_links.mail_invitation_link(invitation)
    contacts.correct_contact(contact, email="alma@example.org")
    assert list(Message.objects.filter(state="queued").values_list("kind", "object_id", "recipient")) == [
        ("invitation_new_link", invitation.pk, "alma@example.org")
    ]
    reminder_sending.write_unanswered_batch(invitation.event, timezone.now())
    assert Message.objects.get(queue="bulk", state="queued").recipient == "alma@example.org"


def test_correcting_an_email_does_not_rewrite_a_stopped_mailing():
    contact = person("Alma")
    mailing = factories.write_mailing(factories.event(), contact)
    Message.objects.update(state="rejected")
    writing.stop_invitations(mailing)
    contacts.correct_contact(contact, email="new@example.org")
    assert Message.objects.get(state="rejected").recipient == "alma@example.org"
    assert Message.objects.get(state="queued").recipient == "new@example.org"


def replace_link(*, invitation_state: str = "sent", state: str = "rejected") -> Invitation:
    """Replace the link of an invitation sent to a wrong address, and give its email this state."""
    invitation = factories.invite(factories.event(), person("Alma", email="wrong@example.org"))
    set_message_state(invitation, invitation_state)
    responses.replace_invitation_link(invitation)
    Message.objects.filter(kind="invitation_new_link").update(state=state, attempts=3, last_error="550 no")
    invitation.refresh_from_db()
    return invitation


def correct_email(invitation: Invitation, **fields) -> None:
    contacts.correct_contact(invitation.contact, **({"email": "alma@example.org"} | fields))
    invitation.refresh_from_db()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["rejected", "failed", "queued"])
def test_undelivered_new_link_is_rewritten_to_a_corrected_email(state):
    invitation = replace_link(state=state)
    Event.objects.update(venue="Stockton Civic Auditorium")
    correct_email(invitation, language="es")
    message = invitation.messages.get(kind="invitation_new_link")
    assert (message.recipient, message.language, message.state, message.queue) == (
        "alma@example.org",
        "es",
        "queued",
        "transactional",
    )
    assert invitation.get_absolute_url() in message.body_text
    assert "Stockton Civic Auditorium" in message.body_text
    assert message.unsubscribe_url == preferences.unsubscribe_url(
        preferences.get_preference("alma@example.org"), "invitations"
    )
    assert Message.objects.count() == 2


@pytest.mark.slow
def test_newest_of_two_new_links_is_rewritten_to_a_corrected_email():
    invitation = replace_link()
    responses.replace_invitation_link(invitation)
    Message.objects.filter(kind="invitation_new_link").update(state="rejected")
    correct_email(invitation)
    message = invitation.messages.get(kind="invitation_new_link")
    assert (message.state, message.recipient) == ("queued", "alma@example.org")


@pytest.mark.slow
def test_rewritten_invitation_includes_the_new_link():
    """No one gets both emails."""
    invitation = replace_link(invitation_state="rejected")
    correct_email(invitation)
    assert not Message.objects.exists()
    writing.write_mailing(invitation.mailing)
    message = Message.objects.get()
    assert (message.idempotency_key, message.recipient) == (f"invitation:{invitation.pk}", "alma@example.org")
    assert invitation.get_absolute_url() in message.body_text


@pytest.mark.slow
def test_new_link_is_rewritten_even_if_its_mailing_was_stopped():
    invitation = replace_link(invitation_state="rejected")
    writing.stop_invitations(invitation.mailing)
    correct_email(invitation)
    assert Message.objects.get(state="queued").kind == "invitation_new_link"


@pytest.mark.slow
@pytest.mark.parametrize("state", ["sent", "sending"])
def test_sent_or_sending_new_link_is_followed_by_another_email(state):
    invitation = replace_link(state="queued")
    set_message_state(invitation, state, handed_over_at=timezone.now())
    before = list(Message.objects.order_by("idempotency_key").values_list("body_text", "state"))
    correct_email(invitation)
    sent = Message.objects.exclude(state="queued").order_by("idempotency_key")
    assert list(sent.values_list("body_text", "state")) == before
    message = Message.objects.get(state="queued")
    assert message.recipient == "alma@example.org"
    assert invitation.get_absolute_url() in message.body_text


@pytest.mark.slow
@pytest.mark.parametrize("end", [factories.end_event, factories.mark_event_canceled, None])
def test_new_link_is_not_rewritten_if_unsubscribed_or_event_over_or_canceled(end):
    invitation = replace_link()
    if end:
        end(invitation.event)
    else:
        preferences.set_topics(preferences.get_preference("alma@example.org"), invitations=False)
    correct_email(invitation)
    assert not Message.objects.filter(state="queued").exists()


def test_invitation_resent_to_a_wrong_email_is_replaced_at_the_corrected_one():
    invitation = factories.invite(factories.event(), person("Alma", email="wrong@example.org"))
    set_message_state(invitation, "sent")
    queue.resend(Message.objects.get())
    Message.objects.filter(idempotency_key__contains=":again:").update(state="rejected")
    correct_email(invitation)
    message = Message.objects.get(state="queued")
    assert (message.recipient, message.kind) == ("alma@example.org", "invitation_new_link")
    assert not Message.objects.filter(state="rejected").exists()


# Erased ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of_organization", [True, False])
def test_deleting_a_contact_deletes_its_invitations_messages_and_history(of_organization):
    contact = person("Alma", factories.organization() if of_organization else None)
    other = factories.invite(factories.event(), person("Jun"))
    responses.decline_invitation(factories.invite(other.event, contact))
    Message.objects.create(
        idempotency_key="rsvp:99:week:2027-01-01", recipient="ALMA@example.org", queue="bulk", language="en"
    )
    contacts.delete_contact(contact)
    contacts.delete_contact(contact)
    assert list(Invitation.objects.values_list("pk", flat=True)) == [other.pk]
    assert [message.idempotency_key for message in Message.objects.all()] == [f"invitation:{other.pk}"]
    assert not AuditEntry.objects.filter(content_type__model="invitation").exists()
    assert [address.email for address in EmailPreference.objects.all()] == ["jun@example.org"]


def test_deleting_a_contact_keeps_its_rsvps_messages_and_email_preference():
    contact = person("Alma Reyes")
    event = factories.event()
    rsvp = responses.accept_invitation(factories.invite(event, contact), Rsvp(name="Alma Reyes"), size=1)
    contacts.delete_contact(contact)
    assert [(message.kind, message.about) for message in Message.objects.all()] == [("rsvp_confirmed", rsvp)]
    assert EmailPreference.objects.get().email == "alma.reyes@example.org"


def test_deleting_an_organization_deletes_its_contacts_and_invitations():
    organization = factories.organization()
    for name in ("Alma", "Jun"):
        factories.invite(factories.event(), person(name, organization))
    contacts.delete_organization(organization)
    assert not Contact.objects.exists()
    assert not Invitation.objects.exists()
    assert not Message.objects.exists()
    assert not AuditEntry.objects.exclude(content_type__model="event").exists()


def test_deleting_a_contact_keeps_messages_of_another_contact_with_its_email():
    contact, event = person("Alma", factories.organization()), factories.event()
    kept = factories.invite(event, person("Alma"))
    Message.objects.create(
        idempotency_key="rsvp:99:week:2027-01-01", recipient="alma@example.org", queue="bulk", language="en"
    )
    contacts.delete_contact(contact)
    assert Invitation.objects.get() == kept
    assert Message.objects.count() == 2
    assert EmailPreference.objects.exists()


def test_deleting_a_contact_keeps_its_chosen_topics_and_suppression():
    for name in ("Unwilling", "Refused", "Eager"):
        factories.invite(factories.event(), person(name))
    preferences.set_topics(preferences.get_preference("unwilling@example.org"), invitations=False)
    preferences.set_topics(preferences.get_preference("eager@example.org"), news=True)
    preferences.suppress("refused@example.org", "550")
    for contact in Contact.objects.all():
        contacts.delete_contact(contact)
    assert sorted(EmailPreference.objects.values_list("email", flat=True)) == [
        "eager@example.org",
        "refused@example.org",
        "unwilling@example.org",
    ]
