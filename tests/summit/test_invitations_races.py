"""Two at one moment, with real connections: nobody is asked twice, nothing is counted by half."""

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

MAY_HAPPEN = (invitations_starting.CannotInvite, RuleViolation, Invitation.DoesNotExist, merging.MergeRefused)


def at_once(*calls: Callable) -> list:
    return concurrency.run_at_once(list(calls), MAY_HAPPEN)


def people(number: int) -> list[Contact]:
    return [person(f"Person {n:02}") for n in range(number)]


def test_two_who_start_the_same_audience_at_once_ask_everybody_once():
    event, audience = factories.event(), factories.audience(uploaded_contacts=people(20))
    start = lambda: invitations_starting.start_invitations(event, audience, count=20, by="office")  # noqa: E731
    answers = at_once(*[start] * 4)
    assert concurrency.type_names(answers) == ["Mailing"] + ["NoRecipients"] * 3
    assert event.invitations.count() == 20
    assert Mailing.objects.count() == 1


def test_control_without_the_lock_the_database_alone_keeps_two_from_asking_one_person_twice(monkeypatch):
    """What the lock is for: without it the second one breaks instead of being answered. Should this ever pass without
    an error, the test above shows nothing."""
    event, audience = factories.event(), factories.audience(uploaded_contacts=people(5))
    counted, those_to_ask = threading.Barrier(2), starting.confirmed_recipients

    def both_count_before_one_writes(*args):
        asked = those_to_ask(*args)
        counted.wait(timeout=30)
        return asked

    monkeypatch.setattr(seats, "lock_event", lambda pk: Event.objects.get(pk=pk))
    monkeypatch.setattr(contacts, "keep_contacts", len)
    monkeypatch.setattr(starting, "confirmed_recipients", both_count_before_one_writes)
    monkeypatch.setattr("tests.summit.test_invitations_races.MAY_HAPPEN", (*MAY_HAPPEN, IntegrityError))
    start = lambda: invitations_starting.start_invitations(event, audience, count=5, by="office")  # noqa: E731
    assert concurrency.type_names(at_once(start, start)) == ["IntegrityError", "Mailing"]
    assert event.invitations.count() == 5


def test_two_audiences_that_share_people_ask_them_once():
    event, everybody = factories.event(), people(20)
    some = factories.audience(uploaded_contacts=everybody[:15]), factories.audience(uploaded_contacts=everybody[5:])
    answers = at_once(
        *(
            lambda audience=audience: invitations_starting.start_invitations(event, audience, count=15, by="office")
            for audience in some
        )
    )
    assert concurrency.type_names(answers) == ["Mailing", "RecipientsChanged"]
    assert [answer.number for answer in answers if isinstance(answer, invitations_starting.RecipientsChanged)] == [5]
    assert event.invitations.count() == 15


def test_guests_are_made_contacts_once_by_two_events_at_once():
    past, audience = factories.event(capacity=50), None
    for n in range(10):
        factories.rsvp(past, f"Guest {n}")
    audience = factories.audience(attended_event=past)
    events = [factories.event(), factories.event()]
    answers = at_once(
        *(
            lambda event=event: invitations_starting.start_invitations(event, audience, count=10, by="office")
            for event in events
        )
    )
    assert concurrency.type_names(answers) == ["Mailing", "Mailing"]
    assert Contact.objects.count() == 10
    assert Invitation.objects.count() == 20


def test_several_writers_write_each_invitation_once(monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 3)
    mailing = factories.start_mailing(factories.event(), *people(20))
    at_once(*[lambda: invitations_writing.write_mailing(mailing)] * 4)
    assert Message.objects.count() == 20
    mailing.refresh_from_db()
    assert mailing.rendered_at
    assert mailing.skipped_count == 0


def test_what_is_stopped_while_it_is_written_leaves_nothing_half(monkeypatch):
    """However far the writer came: nothing is queued, and nobody counts as invited."""
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    for _round in range(5):
        mailing = factories.start_mailing(factories.event(), *people(20))
        at_once(
            lambda mailing=mailing: invitations_writing.write_mailing(mailing),
            lambda mailing=mailing: invitations_writing.stop_mailing(mailing),
        )
        assert not Message.objects.filter(mailing=mailing).exists()
        assert not mailing.invitations.exists()
        mailing.refresh_from_db()
        assert mailing.stopped_at


def test_an_event_that_moves_while_word_of_it_is_written_is_told_once_to_everybody(monkeypatch):
    """However the two meet: each has one mail that waits, and it says where the event is now."""
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
        waiting = Message.objects.filter(state="queued")
        assert sorted(waiting.values_list("recipient", flat=True)) == sorted({message.recipient for message in waiting})
        assert [f"Room {number}" in message.body_text for message in waiting] == [True] * 20


def test_accepted_many_times_at_once_is_one_rsvp():
    event = factories.event(capacity=3)
    invitation = factories.invite(event, person("Alma Reyes"))

    def accept():
        return responses.accept_invitation(
            invitation, Rsvp(name="Alma Reyes"), size=2, guests=[Guest(name="Alma Reyes")]
        )

    answers = at_once(*[accept] * 6)
    assert {answer.pk for answer in answers} == {Rsvp.objects.get().pk}
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    assert snapshots.emails(Rsvp.objects.get()) == ["confirmed 1 REQUEST"]


def test_accepted_and_declined_at_once_the_last_word_stands_with_its_seats():
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


def test_accepted_while_the_same_address_reserves_in_public_is_one_rsvp():
    event = factories.event()
    invitation = factories.invite(event, person("Alma Reyes"))
    answers = at_once(
        lambda: responses.accept_invitation(invitation, Rsvp(name="Alma Reyes"), size=2),
        lambda: factories.rsvp(event, "Alma Reyes", size=2),
    )
    assert "Rsvp" in concurrency.type_names(answers)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    assert Invitation.objects.get().rsvp == Rsvp.objects.get()


def test_who_accepts_and_is_stopped_at_once_is_invited_or_not_but_never_half():
    event = factories.event(capacity=100)
    for n in range(4):
        mailing = factories.write_mailing(event, person(f"Person {n}"))
        invitation = mailing.invitations.get()
        at_once(
            lambda invitation=invitation, n=n: responses.accept_invitation(
                invitation, Rsvp(name=f"Person {n}"), size=2
            ),
            lambda mailing=mailing: invitations_writing.stop_mailing(mailing),
        )
        there = Invitation.objects.filter(pk=invitation.pk).first()
        assert event.rsvps.filter(name=f"Person {n}").exists() == bool(there)


def test_organizations_are_merged_while_their_people_accept():
    event = factories.event(capacity=100)
    for n in range(3):
        mine, theirs = factories.organization(f"Mine {n}"), factories.organization(f"Theirs {n}")
        some = [person(f"Person {n} {k}", theirs) for k in range(3)]
        factories.write_mailing(event, *some)
        asked = [Invitation.objects.get(contact=one) for one in some]
        answers = at_once(
            lambda mine=mine, theirs=theirs: merging.merge_organizations(mine, theirs),
            *(lambda one=one: responses.accept_invitation(one, Rsvp(name=one.contact.name), size=1) for one in asked),
        )
        assert concurrency.type_names(answers) == ["Organization", "Rsvp", "Rsvp", "Rsvp"]
        assert mine.contacts.count() == 3
        assert event.rsvps.filter(organization=mine).count() == 3


def test_people_are_erased_while_they_are_invited():
    """Whoever is first: an invitation of somebody, or nobody's."""
    for n in range(4):
        event, some = factories.event(), [person(f"Person {n} {k}") for k in range(5)]
        audience = factories.audience(uploaded_contacts=some)
        answers = at_once(
            lambda event=event, audience=audience: invitations_starting.start_invitations(
                event, audience, count=5, by="office"
            ),
            *(lambda one=one: contacts.delete_contact(one) for one in some[:2]),
        )
        assert {"Mailing", "RecipientsChanged"} & set(concurrency.type_names(answers))
        there = event.invitations.count()
        assert there in {0, 3}
        assert Contact.objects.filter(pk__in=[one.pk for one in some]).count() == 3


# In the middle of a start ----------------------------------------------------------------------------------------


def begun_during(start: Callable, do: Callable):
    """Calls `do` elsewhere while the transaction of `start` is open, has it wait there, and returns what it did."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            start()
            change_first = other.submit(elsewhere, do)
            assert wait_until(somebody_waits, 10)
        return change_first.result(30)


def elsewhere(do: Callable):
    try:
        return do()
    finally:
        connection.close()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return cursor.fetchone()[0]


def test_who_is_erased_in_the_middle_of_a_start_takes_the_invitation_along():
    event, alma, jun = factories.event(), person("Alma"), person("Jun")
    audience = factories.audience(uploaded_contacts=[alma, jun])
    begun_during(
        lambda: invitations_starting.start_invitations(event, audience, count=2, by="office"),
        lambda: contacts.delete_contact(alma),
    )
    assert [invitation.contact for invitation in event.invitations.all()] == [jun]
    assert list(Contact.objects.all()) == [jun]


def test_who_becomes_one_in_the_middle_of_a_start_keeps_the_invitation():
    event = factories.event()
    mine, theirs = factories.organization("Port Gate"), factories.organization("Port Gate, Inc.")
    stays, goes = person("Alma", mine), person("Alma", theirs)
    audience = factories.audience(uploaded_contacts=[goes])
    begun_during(
        lambda: invitations_starting.start_invitations(event, audience, count=1, by="office"),
        lambda: merging.merge_organizations(mine, theirs),
    )
    assert [invitation.contact for invitation in event.invitations.all()] == [stays]


# In the middle of a stop -----------------------------------------------------------------------------------------


def correct_contact(contact: Contact) -> None:
    contacts.correct_contact(contact, email="new@example.org")


def merge_organizations(contact: Contact) -> None:
    merging.merge_organizations(Organization.objects.exclude(pk=contact.organization_id).get(), contact.organization)


def stopped_in_the_middle(change: Callable) -> Mailing:
    """A mailing to one address at two organizations is stopped, and right after it took its first lock a rule about
    one of the two contacts begins."""
    event, here, there = factories.event(), factories.organization("Port Gate"), factories.organization("Gate, Inc.")
    address = {"email": "alma@example.org"}
    factories.write_mailing(event, person("Alma", here, **address))
    asked = person("Alma", there, **address)
    mailing = factories.mailing(event)
    factories.invitation(event, asked, mailing=mailing)
    writing.write_mailing(mailing)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            Mailing.objects.select_for_update().get(pk=mailing.pk)
            change_first = other.submit(elsewhere, lambda: change(asked))
            assert wait_until(somebody_waits, 10)
            invitations_writing.stop_mailing(mailing)
        change_first.result(30)
    return mailing


@pytest.mark.parametrize("change", [correct_contact, merge_organizations, contacts.delete_contact])
def test_contact_is_changed_in_the_middle_of_a_stop(change):
    mailing = stopped_in_the_middle(change)
    assert not mailing.invitations.exists()
    assert not Message.objects.filter(mailing=mailing).exists()


def test_control_without_the_locked_mailings_correcting_and_stopping_wait_for_each_other(monkeypatch):
    """What locking the mailings first is for. Should this ever pass without an error, the test above shows nothing."""
    monkeypatch.setattr(contact_changes, "lock_invitations_of_contacts", lambda *contacts: None)
    with pytest.raises(OperationalError, match="deadlock"):
        stopped_in_the_middle(correct_contact)
