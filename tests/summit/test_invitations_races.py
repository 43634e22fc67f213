"""Concurrent changes to invitations, with real connections: no one is invited twice, and counts are complete."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from imagine.core.errors import RuleViolation
from imagine.demo.servers import wait_until
from imagine.mail.models import Mailing, Message
from partners.models import Contact, Organization
from partners.organizations import contacts, merging
from summit import seats
from summit.invitations import contact_changes, responses, starting, writing
from summit.invitations import starting as invitations_starting
from summit.invitations import writing as invitations_writing
from summit.models import Event, Guest, Invitation, Rsvp
from tests import concurrency, factories, snapshots
from tests.factories import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

EXPECTED_ERRORS = (invitations_starting.CannotInvite, RuleViolation, Invitation.DoesNotExist, merging.MergeRefused)


def at_once(*calls: Callable) -> list:
    return concurrency.run_at_once(list(calls), EXPECTED_ERRORS)


def people(number: int) -> list[Contact]:
    return [person(f"Person {n:02}") for n in range(number)]


def test_concurrent_starts_of_one_audience_invite_everyone_once():
    event, audience = factories.event(), factories.audience(uploaded_contacts=people(20))
    start = lambda: invitations_starting.start_invitations(event, audience, count=20, by="office")  # noqa: E731
    results = at_once(*[start] * 4)
    assert concurrency.type_names(results) == ["Mailing"] + ["NoRecipients"] * 3
    assert event.invitations.count() == 20
    assert Mailing.objects.count() == 1


def test_control_without_the_lock_a_concurrent_start_raises_integrity_error(monkeypatch):
    """Shows why the lock is needed: without it, the second call raises IntegrityError instead of CannotInvite. If this
    test fails, the test above proves nothing."""
    event, audience = factories.event(), factories.audience(uploaded_contacts=people(5))
    counted, confirmed_recipients = threading.Barrier(2), starting.confirmed_recipients

    def both_count_before_one_writes(*args):
        invited = confirmed_recipients(*args)
        counted.wait(timeout=30)
        return invited

    monkeypatch.setattr(seats, "lock_event", lambda pk: Event.objects.get(pk=pk))
    monkeypatch.setattr(contacts, "keep_contacts", len)
    monkeypatch.setattr(starting, "confirmed_recipients", both_count_before_one_writes)
    monkeypatch.setattr("tests.summit.test_invitations_races.EXPECTED_ERRORS", (*EXPECTED_ERRORS, IntegrityError))
    start = lambda: invitations_starting.start_invitations(event, audience, count=5, by="office")  # noqa: E731
    assert concurrency.type_names(at_once(start, start)) == ["IntegrityError", "Mailing"]
    assert event.invitations.count() == 5


def test_concurrent_start_of_an_overlapping_audience_is_refused():
    event, everyone = factories.event(), people(20)
    some = factories.audience(uploaded_contacts=everyone[:15]), factories.audience(uploaded_contacts=everyone[5:])
    results = at_once(
        *(
            lambda audience=audience: invitations_starting.start_invitations(event, audience, count=15, by="office")
            for audience in some
        )
    )
    assert concurrency.type_names(results) == ["Mailing", "RecipientsChanged"]
    assert [result.number for result in results if isinstance(result, invitations_starting.RecipientsChanged)] == [5]
    assert event.invitations.count() == 15


def test_concurrent_starts_for_two_events_create_each_contact_once():
    past, audience = factories.event(capacity=50), None
    for n in range(10):
        factories.rsvp(past, f"Guest {n}")
    audience = factories.audience(attended_event=past)
    events = [factories.event(), factories.event()]
    results = at_once(
        *(
            lambda event=event: invitations_starting.start_invitations(event, audience, count=10, by="office")
            for event in events
        )
    )
    assert concurrency.type_names(results) == ["Mailing", "Mailing"]
    assert Contact.objects.count() == 10
    assert Invitation.objects.count() == 20


def test_concurrent_writers_write_each_invitation_once(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 3)
    mailing = factories.start_mailing(factories.event(), *people(20))
    at_once(*[lambda: invitations_writing.write_mailing(mailing)] * 4)
    assert Message.objects.count() == 20
    mailing.refresh_from_db()
    assert mailing.rendered_at
    assert mailing.skipped_count == 0


def test_stopping_while_writing_leaves_no_message_and_no_invitation(monkeypatch):
    """However many were already written, nothing stays queued and no one counts as invited."""
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    for _round in range(5):
        mailing = factories.start_mailing(factories.event(), *people(20))
        at_once(
            lambda mailing=mailing: invitations_writing.write_mailing(mailing),
            lambda mailing=mailing: invitations_writing.stop_invitations(mailing),
        )
        assert not Message.objects.filter(mailing=mailing).exists()
        assert not mailing.invitations.exists()
        mailing.refresh_from_db()
        assert mailing.stopped_at


def test_moving_the_event_while_notices_are_written_notifies_everyone_once(monkeypatch):
    """In any order, each recipient has one queued email with the event's current place."""
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    event = factories.event()
    factories.write_mailing(event, *people(20))
    Message.objects.update(state="sent", sent_at=timezone.now())

    def move(venue: str):
        moved = Event.objects.get()
        moved.venue = venue
        factories.save_event(moved)

    def write():
        for mailing in Mailing.objects.unrendered():
            invitations_writing.write_mailing(mailing)

    for number in range(5):
        move(f"Hall {number}")
        at_once(write, write, lambda number=number: move(f"Room {number}"))
        write()
        queued = Message.objects.filter(state="queued")
        assert sorted(queued.values_list("recipient", flat=True)) == sorted({message.recipient for message in queued})
        assert [f"Room {number}" in message.body_text for message in queued] == [True] * 20


def test_accepting_concurrently_creates_one_rsvp():
    event = factories.event(capacity=3)
    invitation = factories.invite(event, person("Alma Reyes"))

    def accept():
        return responses.accept_invitation(
            invitation, Rsvp(name="Alma Reyes"), size=2, guests=[Guest(name="Alma Reyes")]
        )

    results = at_once(*[accept] * 6)
    assert {result.pk for result in results} == {Rsvp.objects.get().pk}
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    assert snapshots.emails(Rsvp.objects.get()) == ["confirmed 1 REQUEST"]


def test_concurrent_accept_and_decline_leave_answer_and_seats_consistent():
    event = factories.event(capacity=3)
    for n in range(4):
        invitation = factories.invite(event, person(f"Person {n}"))
        at_once(
            lambda invitation=invitation, n=n: responses.accept_invitation(
                invitation, Rsvp(name=f"Person {n}"), size=2
            ),
            lambda invitation=invitation: responses.decline_invitation(invitation, "No."),
        )
        stored = Invitation.objects.select_related("rsvp").get(pk=invitation.pk)
        seats_now = stored.rsvp.party_size if stored.rsvp else 0
        assert (stored.answer, seats_now, bool(stored.declined_at)) in {("accepted", 2, False), ("declined", 0, True)}


def test_accepting_while_the_same_email_reserves_publicly_creates_one_rsvp():
    event = factories.event()
    invitation = factories.invite(event, person("Alma Reyes"))
    results = at_once(
        lambda: responses.accept_invitation(invitation, Rsvp(name="Alma Reyes"), size=2),
        lambda: factories.rsvp(event, "Alma Reyes", size=2),
    )
    assert "Rsvp" in concurrency.type_names(results)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    assert Invitation.objects.get().rsvp == Rsvp.objects.get()


def test_concurrent_accept_and_stop_keep_both_invitation_and_rsvp_or_neither():
    event = factories.event(capacity=100)
    for n in range(4):
        mailing = factories.write_mailing(event, person(f"Person {n}"))
        invitation = mailing.invitations.get()
        at_once(
            lambda invitation=invitation, n=n: responses.accept_invitation(
                invitation, Rsvp(name=f"Person {n}"), size=2
            ),
            lambda mailing=mailing: invitations_writing.stop_invitations(mailing),
        )
        remaining = Invitation.objects.filter(pk=invitation.pk).first()
        assert event.rsvps.filter(name=f"Person {n}").exists() == bool(remaining)


def test_organizations_can_be_merged_while_their_contacts_accept():
    event = factories.event(capacity=100)
    for n in range(3):
        kept, merged = factories.organization(f"Mine {n}"), factories.organization(f"Theirs {n}")
        some = [person(f"Person {n} {k}", merged) for k in range(3)]
        factories.write_mailing(event, *some)
        invited = [Invitation.objects.get(contact=one) for one in some]
        results = at_once(
            lambda kept=kept, merged=merged: merging.merge_organizations(kept, merged),
            *(lambda one=one: responses.accept_invitation(one, Rsvp(name=one.contact.name), size=1) for one in invited),
        )
        assert concurrency.type_names(results) == ["Organization", "Rsvp", "Rsvp", "Rsvp"]
        assert kept.contacts.count() == 3
        assert event.rsvps.filter(organization=kept).count() == 3


def test_contacts_can_be_deleted_while_they_are_invited():
    """Either the contact has an invitation, or there is none."""
    for n in range(4):
        event, some = factories.event(), [person(f"Person {n} {k}") for k in range(5)]
        audience = factories.audience(uploaded_contacts=some)
        results = at_once(
            lambda event=event, audience=audience: invitations_starting.start_invitations(
                event, audience, count=5, by="office"
            ),
            *(lambda one=one: contacts.delete_contact(one) for one in some[:2]),
        )
        assert {"Mailing", "RecipientsChanged"} & set(concurrency.type_names(results))
        remaining = event.invitations.count()
        assert remaining in {0, 3}
        assert Contact.objects.filter(pk__in=[one.pk for one in some]).count() == 3


# In the middle of a start ----------------------------------------------------------------------------------------


def run_during(start: Callable, do: Callable):
    """Call `do` in another thread while the transaction of `start` is open, let it wait there, and return its
    result."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            start()
            first_change = other.submit(run_elsewhere, do)
            assert wait_until(is_someone_waiting, 10)
        return first_change.result(30)


def run_elsewhere(do: Callable):
    try:
        return do()
    finally:
        connection.close()


def is_someone_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


def test_contact_deleted_during_a_start_leaves_no_invitation():
    event, alma, jun = factories.event(), person("Alma"), person("Jun")
    audience = factories.audience(uploaded_contacts=[alma, jun])
    run_during(
        lambda: invitations_starting.start_invitations(event, audience, count=2, by="office"),
        lambda: contacts.delete_contact(alma),
    )
    assert [invitation.contact for invitation in event.invitations.all()] == [jun]
    assert list(Contact.objects.all()) == [jun]


def test_contact_merged_during_a_start_keeps_the_invitation():
    event = factories.event()
    kept, merged = factories.organization("Port Gate"), factories.organization("Port Gate, Inc.")
    kept_contact, merged_contact = person("Alma", kept), person("Alma", merged)
    audience = factories.audience(uploaded_contacts=[merged_contact])
    run_during(
        lambda: invitations_starting.start_invitations(event, audience, count=1, by="office"),
        lambda: merging.merge_organizations(kept, merged),
    )
    assert [invitation.contact for invitation in event.invitations.all()] == [kept_contact]


# In the middle of a stop -----------------------------------------------------------------------------------------


def correct_contact(contact: Contact) -> None:
    contacts.correct_contact(contact, email="new@example.org")


def merge_organizations(contact: Contact) -> None:
    merging.merge_organizations(Organization.objects.exclude(pk=contact.organization_id).get(), contact.organization)


def stop_during(change: Callable) -> Mailing:
    """Stop a mailing to one address at two organizations. Once it holds its first lock, start a rule about one of the
    two contacts."""
    event, here, remaining = (
        factories.event(),
        factories.organization("Port Gate"),
        factories.organization("Gate, Inc."),
    )
    address = {"email": "alma@example.org"}
    factories.write_mailing(event, person("Alma", here, **address))
    invited = person("Alma", remaining, **address)
    mailing = factories.mailing(event)
    factories.invitation(event, invited, mailing=mailing)
    writing.write_mailing(mailing)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            Mailing.objects.select_for_update().get(pk=mailing.pk)
            first_change = other.submit(run_elsewhere, lambda: change(invited))
            assert wait_until(is_someone_waiting, 10)
            invitations_writing.stop_invitations(mailing)
        first_change.result(30)
    return mailing


@pytest.mark.parametrize("change", [correct_contact, merge_organizations, contacts.delete_contact])
def test_changing_a_contact_during_a_stop_leaves_no_invitation_or_message(change):
    mailing = stop_during(change)
    assert not mailing.invitations.exists()
    assert not Message.objects.filter(mailing=mailing).exists()


def test_control_without_locking_mailings_correcting_and_stopping_deadlock(monkeypatch):
    """Shows why mailings are locked first. If this test fails, the test above proves nothing."""
    monkeypatch.setattr(contact_changes, "lock_invitations_of_contacts", lambda *contacts: None)
    with pytest.raises(OperationalError, match="deadlock"):
        stop_during(correct_contact)
