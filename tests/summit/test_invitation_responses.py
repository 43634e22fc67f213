"""Accepting and declining invitations, and changing the answer until RSVP closes."""

import pytest
from django.utils import timezone
from icalendar import Calendar

from imagine.core.errors import RuleViolation
from imagine.core.models import AuditEntry
from imagine.mail import preferences
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Message
from partners.organizations import contacts
from summit import organization_matching, seats
from summit.invitations import responses, writing
from summit.models import Event, Guest, Invitation, Rsvp
from tests import factories, snapshots
from tests.factories import person

pytestmark = pytest.mark.django_db

Answer = Invitation.Answer


@pytest.fixture
def invited() -> Invitation:
    """Alma of Port Gate is invited to an invitation-only event."""
    return factories.invite(
        factories.event(invitation_only=True, capacity=4), person("Alma Reyes", factories.organization())
    )


def accept(invitation: Invitation, name: str = "Alma Reyes", *, size: int = 1, guests=(), **fields) -> Rsvp:
    party = [Guest(name=name), *(Guest(name=guest) for guest in guests)]
    new_rsvp = Rsvp(name=name, email="typed@example.org", **fields)
    return responses.accept_invitation(invitation, new_rsvp, size=size, guests=party)


def stored_answer(invitation: Invitation) -> tuple[str, str, str]:
    """Return the stored answer, decline message, and seats."""
    stored = Invitation.objects.select_related("rsvp").get(pk=invitation.pk)
    return stored.answer, stored.decline_message, stored.rsvp.name if stored.rsvp else ""


def emails_after(number: int) -> list[str]:
    return snapshots.emails()[number:]


def rule_error(call, *args, **options) -> str:
    before = snapshots.tables()
    with pytest.raises(RuleViolation) as error:
        call(*args, **options)
    assert snapshots.tables() == before
    return str(error.value)


# Accept ----------------------------------------------------------------------------------------------------------


def test_accepting_creates_an_rsvp_with_seats_guests_and_confirmation(invited):
    rsvp = accept(invited, size=3, guests=("Jun",), phone="209 555 0100")
    assert (rsvp.email, rsvp.organization, rsvp.source) == (
        "alma.reyes@example.org",
        invited.contact.organization,
        "invited",
    )
    assert (rsvp.held_seats, rsvp.phone) == (3, "209 555 0100")
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Jun"), (3, "")]
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST"]
    [change] = AuditEntry.objects.about(invited)
    assert change.changes == {"answer": ["open", "accepted"]}


def test_accepting_again_changes_nothing(invited):
    first = accept(invited, size=2)
    before = snapshots.tables()
    for size in range(1, 4):
        assert accept(invited, "Somebody Else", size=size) == first
    assert snapshots.tables() == before


def test_accepting_for_a_full_event_waitlists_the_party(invited):
    seats.reserve(factories.unsaved_rsvp(invited.event, "First", source="invited"), size=4)
    rsvp = accept(invited, size=2)
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == (0, 2)
    assert stored_answer(invited)[0] == Answer.ACCEPTED


@pytest.mark.parametrize("size", [0, 7])
def test_accepting_with_an_invalid_party_size_is_refused(invited, size):
    assert rule_error(accept, invited, size=size) == "A party can have 1 to 6 people."


def test_accepting_after_rsvp_closes_is_refused(invited):
    factories.close_rsvp(invited.event)
    assert rule_error(accept, invited) == "This event isn’t taking RSVPs right now."


def test_accepting_again_after_rsvp_closes_returns_the_same_rsvp(invited):
    rsvp = accept(invited)
    factories.close_rsvp(invited.event)
    assert accept(invited) == rsvp


def test_accepting_links_an_existing_rsvp_with_the_same_email_unchanged(invited):
    Event.objects.update(invitation_only=False)
    known = factories.rsvp(invited.event, "Alma Reyes", email="ALMA.Reyes@example.org", size=3)
    assert accept(invited, size=1) == known
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")
    assert snapshots.seats(invited.event) == [("Alma Reyes", 3, 0)]


def test_accepting_reinstates_a_canceled_rsvp_with_the_same_email(invited):
    Event.objects.update(invitation_only=False)
    known = factories.rsvp(invited.event, "Alma Reyes", size=3)
    seats.cancel(known)
    assert accept(invited, size=2) == known
    assert snapshots.seats(invited.event) == [("Alma Reyes", 2, 0)]


def test_accepting_does_not_take_an_rsvp_linked_to_another_invitation(invited):
    first = accept(invited)
    other = person("Alma Again", factories.organization("Elsewhere"))
    second = factories.invite(invited.event, other)
    contacts.correct_contact(other, email="alma.reyes@example.org")
    with pytest.raises(seats.DuplicateRsvp) as known:
        accept(second)
    assert known.value.rsvp == first
    assert stored_answer(second)[0] == Answer.OPEN


def test_accepted_rsvp_has_the_contacts_current_email(invited):
    contacts.correct_contact(invited.contact, email="new@example.org")
    assert accept(invited).email == "new@example.org"


def test_contact_without_an_organization_can_accept(invited):
    individual = factories.invite(invited.event, person("Jun Park"))
    assert accept(individual, "Jun Park", organization_name="A Club").organization is None


def test_accepted_rsvp_keeps_the_contacts_organization_despite_a_typed_name(invited):
    rsvp = accept(invited, organization_name="Somewhere Else")
    organization_matching.match_by_email()
    rsvp.refresh_from_db()
    assert rsvp.organization == invited.contact.organization


def test_reserving_without_an_invitation_at_invitation_only_event_is_refused(invited):
    expected = "This event is by invitation. To RSVP, use the link in your invitation."
    assert rule_error(seats.reserve, factories.unsaved_rsvp(invited.event, "Stranger"), size=1) == expected


def test_staff_can_reserve_for_anyone_at_an_invitation_only_event(invited):
    assert seats.reserve(factories.unsaved_rsvp(invited.event, "Stranger"), size=1, by_staff=True).held_seats == 1


def test_answering_a_deleted_invitation_raises_does_not_exist(invited):
    Invitation.objects.filter(pk=invited.pk).delete()
    with pytest.raises(Invitation.DoesNotExist):
        accept(invited)
    with pytest.raises(Invitation.DoesNotExist):
        responses.decline_invitation(invited)
    assert not Rsvp.objects.exists()


# Decline ---------------------------------------------------------------------------------------------------------


def test_declining_saves_the_message_and_logs_it(invited):
    responses.decline_invitation(invited, "We are on the road that day.")
    assert stored_answer(invited) == ("declined", "We are on the road that day.", "")
    assert not Rsvp.objects.exists()
    [change] = AuditEntry.objects.about(invited)
    assert change.changes == {"answer": ["open", "declined"], "decline_message": ["…", "…"]}


def test_declining_again_with_the_same_or_no_message_changes_nothing(invited):
    responses.decline_invitation(invited, "No.")
    before = snapshots.tables()
    for decline_message in ("No.", "", "No."):
        responses.decline_invitation(invited, decline_message)
    assert snapshots.tables() == before


def test_declining_again_with_a_new_message_replaces_the_first(invited):
    responses.decline_invitation(invited, "No.")
    declined_at = Invitation.objects.get().declined_at
    responses.decline_invitation(invited, "Next year.")
    assert stored_answer(invited)[1] == "Next year."
    assert Invitation.objects.get().declined_at == declined_at


def test_decline_message_is_truncated_to_500_characters(invited):
    responses.decline_invitation(invited, "x" * 2000)
    assert stored_answer(invited)[1] == "x" * 500


@pytest.mark.parametrize("change", [factories.close_rsvp, factories.mark_event_canceled, factories.end_event])
def test_declining_after_rsvp_closes_or_event_is_canceled_or_over_is_refused(invited, change):
    change(invited.event)
    assert rule_error(responses.decline_invitation, invited, "No.") == "This event isn’t taking RSVPs right now."


# Change of mind --------------------------------------------------------------------------------------------------


def test_declining_after_accepting_cancels_the_rsvp_and_frees_its_seats(invited):
    waitlisted = factories.invite(invited.event, person("Waits"))
    rsvp = accept(invited, size=3)
    assert accept(waitlisted, "Waits", size=3).waitlisted_seats == 3
    responses.decline_invitation(invited, "Sorry.")
    assert stored_answer(invited) == ("declined", "Sorry.", "Alma Reyes")
    assert snapshots.seats(invited.event) == [("Alma Reyes", 0, 0), ("Waits", 3, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "canceled 2 CANCEL"]


def test_accepting_after_declining_is_allowed(invited):
    responses.decline_invitation(invited, "Sorry.")
    accept(invited)
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")
    assert [change.changes["answer"][1] for change in AuditEntry.objects.about(invited)] == [
        "declined",
        "accepted",
    ]


def test_accepting_again_after_declining_updates_the_same_rsvp(invited):
    first = accept(invited, size=2, guests=("Jun",), phone="209 555 0100", note="Vegan.")
    responses.decline_invitation(invited)
    second = accept(invited, "Alma R. Reyes", size=3, guests=("Mai", "Tou"), phone="209 555 0199", accepts_partial=True)
    assert second == first
    assert (second.name, second.phone, second.note, second.accepts_partial) == (
        *("Alma R. Reyes", "209 555 0199", "Vegan."),
        True,
    )
    assert snapshots.guests(second) == [(1, "Alma R. Reyes"), (2, "Mai"), (3, "Tou")]
    assert "Mai" in first.messages.order_by("created_at").last().body_text
    assert snapshots.emails(first) == ["confirmed 1 REQUEST", "canceled 2 CANCEL", "confirmed 3 REQUEST"]


def test_accepting_again_after_declining_is_refused_once_rsvp_closes(invited):
    accept(invited)
    responses.decline_invitation(invited)
    factories.close_rsvp(invited.event)
    assert rule_error(accept, invited) == "This event isn’t taking RSVPs right now."


def test_accepted_guest_can_decline_after_rsvp_closes(invited):
    accept(invited)
    factories.close_rsvp(invited.event)
    responses.decline_invitation(invited)
    assert stored_answer(invited)[0] == Answer.DECLINED
    assert snapshots.seats(invited.event) == [("Alma Reyes", 0, 0)]


@pytest.mark.parametrize("change", [factories.mark_event_canceled, factories.end_event])
def test_accepted_guest_cannot_decline_once_the_event_is_over_or_canceled(invited, change):
    accept(invited)
    change(invited.event)
    expected = "This event is over or was canceled, so nothing can be changed."
    assert rule_error(responses.decline_invitation, invited) == expected


def test_canceling_the_rsvp_counts_as_declining_the_invitation(invited):
    seats.cancel(accept(invited))
    assert stored_answer(invited)[0] == Answer.DECLINED
    assert [list(invited.event.invitations.declined()), list(invited.event.invitations.unanswered())] == [[invited], []]
    accept(invited)
    assert stored_answer(invited)[0] == Answer.ACCEPTED
    assert not invited.event.invitations.declined().exists()


def test_declining_cancels_an_rsvp_that_was_made_on_the_public_page(invited):
    Event.objects.update(invitation_only=False)
    factories.rsvp(invited.event, "Alma Reyes", size=3)
    responses.decline_invitation(invited)
    assert stored_answer(invited) == ("declined", "", "Alma Reyes")
    assert snapshots.seats(invited.event) == [("Alma Reyes", 0, 0)]


def test_deleting_the_rsvp_leaves_the_invitation_open(invited):
    seats.delete_rsvp(accept(invited))
    assert stored_answer(invited) == ("open", "", "")


# A new link ------------------------------------------------------------------------------------------------------


def mark_sent() -> None:
    Message.objects.filter(content_type__model="invitation").update(state="sent", sent_at=timezone.now())


def test_new_link_is_emailed_at_once_without_the_old_link(invited):
    mark_sent()
    old = invited.token
    responses.replace_invitation_link(invited)
    invited.refresh_from_db()
    assert invited.token != old
    message = Message.objects.get(state="queued")
    assert (message.kind, message.about, message.queue) == ("invitation_new_link", invited, "transactional")
    assert invited.get_absolute_url() in message.body_text
    assert old not in message.body_text + message.body_html + message.ics
    assert message.unsubscribe_url
    mark_sent()
    responses.replace_invitation_link(invited)
    assert Message.objects.get(state="queued").kind == "invitation_new_link"


@pytest.mark.parametrize("claimed", [False, True])
def test_replacing_the_link_deletes_unsent_email_with_the_old_link(invited, claimed):
    if claimed:
        bulk_delivery.claim_batch()
    responses.replace_invitation_link(invited)
    assert [message.kind for message in Message.objects.all()] == ["invitation_new_link"]


def test_unwritten_invitation_is_written_with_the_new_link(invited):
    mailing = factories.start_mailing(invited.event, person("Jun Park"))
    later = mailing.invitations.get()
    responses.replace_invitation_link(later)
    assert not later.messages.exists()
    writing.write_mailing(mailing)
    later.refresh_from_db()
    assert later.get_absolute_url() in later.messages.get().body_text


@pytest.mark.parametrize("end", [factories.end_event, factories.cancel_event])
def test_new_link_is_not_emailed_if_unsubscribed_or_event_over_or_canceled(invited, end):
    mark_sent()
    other = factories.invite(invited.event, person("Jun Park"))
    mark_sent()
    preferences.set_topics(preferences.get_preference("jun.park@example.org"), invitations=False)
    responses.replace_invitation_link(other)
    end(invited.event)
    responses.replace_invitation_link(invited)
    assert not Message.objects.filter(state="queued").exists()


def test_replacing_the_link_keeps_the_answer_and_updates_the_rsvp_emails(invited):
    rsvp = accept(invited)
    responses.replace_invitation_link(invited)
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")
    kinds = sorted(rsvp.messages.values_list("kind", flat=True))
    assert kinds == ["rsvp_confirmed", "rsvp_new_link"]  # the first email is rewritten with the new link
    rsvp.refresh_from_db()
    assert all(rsvp.get_absolute_url() in message.body_text for message in rsvp.messages.all())


# Answered elsewhere ----------------------------------------------------------------------------------------------


def test_public_rsvp_is_linked_to_the_invitation_with_its_email(invited):
    Event.objects.update(invitation_only=False)
    open_one = factories.invite(invited.event, person("Jun Park"))
    factories.rsvp(invited.event, "Alma Reyes", email="ALMA.REYES@example.org")
    factories.rsvp(factories.event(), "Jun Park")
    seats.cancel(factories.rsvp(invited.event, "Jun Park"))
    responses.link_existing_rsvps()
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")
    assert stored_answer(open_one)[0] == Answer.OPEN


def test_later_public_rsvp_overrides_a_declined_invitation(invited):
    Event.objects.update(invitation_only=False)
    responses.decline_invitation(invited, "Sorry.")
    factories.rsvp(invited.event, "Alma Reyes")
    responses.link_existing_rsvps()
    assert stored_answer(invited) == ("accepted", "", "Alma Reyes")


def test_rsvp_is_linked_to_only_one_of_two_invitations_with_its_email(invited):
    Event.objects.update(invitation_only=False)
    other = person("Alma Again", factories.organization("Elsewhere"))
    second = factories.invite(invited.event, other)
    contacts.correct_contact(other, email="alma.reyes@example.org")
    factories.rsvp(invited.event, "Alma Reyes")
    for _twice in range(2):
        responses.link_existing_rsvps()
    assert sorted([stored_answer(invited)[0], stored_answer(second)[0]]) == ["accepted", "open"]


# Calendar --------------------------------------------------------------------------------------------------------


def entry(text: str):
    calendar = Calendar.from_ical(text)
    [event] = calendar.walk("VEVENT")
    return calendar["METHOD"], event


def test_invitations_calendar_entry_is_tentative_without_attendee(invited):
    method, event = entry(Message.objects.get().ics)
    assert (method, event["STATUS"], event["TRANSP"], event["SEQUENCE"]) == ("PUBLISH", "TENTATIVE", "TRANSPARENT", 0)
    assert "ATTENDEE" not in event
    assert event["SUMMARY"] == "Imagine Promise Summit"
    assert event.start == timezone.localtime(invited.event.starts_at, timezone.get_default_timezone())


def test_rsvps_calendar_entry_replaces_the_invitations(invited):
    _method, before = entry(Message.objects.get().ics)
    rsvp = accept(invited)
    method, after = entry(rsvp.messages.get().ics)
    assert (method, after["UID"], after["STATUS"]) == ("REQUEST", before["UID"], "CONFIRMED")
    assert int(after["SEQUENCE"]) > int(before["SEQUENCE"])


def test_two_invitations_have_different_calendar_uids(invited):
    factories.invite(invited.event, person("Jun Park"))
    assert len({str(entry(message.ics)[1]["UID"]) for message in Message.objects.all()}) == 2
