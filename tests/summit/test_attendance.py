"""Checking in parties and single guests, from the day of the event on."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.core import audit
from imagine.core.models import AuditEntry
from summit import attendance, seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client
from tests.summit import reminder_fixtures

pytestmark = pytest.mark.django_db


def party(name: str = "Alma Reyes", event: Event | None = None, **fields) -> Rsvp:
    """A party of a past event."""
    rsvp = factories.rsvp(event or factories.event(), name, **fields)
    factories.end_event(rsvp.event)
    return Rsvp.objects.get(pk=rsvp.pk)


def checked_in_positions(rsvp: Rsvp) -> list[int]:
    return list(rsvp.guests.filter(checked_in_at__isnull=False).order_by("position").values_list("position", flat=True))


# The rule --------------------------------------------------------------------------------------------------------


def test_check_in_party_marks_guests_with_seats_and_is_idempotent():
    event = factories.event(capacity=2)
    rsvp = party(event=event, size=3, accepts_partial=True)
    assert attendance.check_in_party(rsvp)
    assert checked_in_positions(rsvp) == [1, 2]  # the third party was only waitlisted
    moments = list(rsvp.guests.values_list("checked_in_at", flat=True))
    assert not attendance.check_in_party(rsvp)
    assert list(rsvp.guests.values_list("checked_in_at", flat=True)) == moments


def test_mark_no_show_undoes_check_in():
    rsvp = party(size=2)
    assert not attendance.mark_no_show(rsvp)
    attendance.check_in_party(rsvp)
    assert attendance.mark_no_show(rsvp)
    assert checked_in_positions(rsvp) == []


def test_set_checked_in_ignores_guests_of_other_parties():
    rsvp, other = party(size=3), party("Ben Ochoa")
    guests = list(rsvp.guests.order_by("position"))
    assert attendance.set_checked_in(rsvp, {guests[1].pk: True, guests[0].pk: False, other.guests.get().pk: True})
    assert (checked_in_positions(rsvp), checked_in_positions(other)) == ([2], [])
    assert not attendance.set_checked_in(rsvp, {guests[1].pk: True})


def test_check_in_is_recorded_in_the_history_with_names():
    rsvp = party(size=2)
    with audit.as_actor(audit.Actor(AuditEntry.ActorKind.STAFF, "office")):
        attendance.check_in_party(rsvp)
    change = AuditEntry.objects.about(rsvp).get()
    assert (change.actor_name, change.changes) == ("office", {"came": ["", "Alma Reyes; 2"]})


def test_check_in_changes_no_seats_and_sends_no_email():
    rsvp = party(size=2)
    before = (snapshots.seats(rsvp.event), snapshots.emails())
    attendance.check_in_party(rsvp)
    assert (snapshots.seats(rsvp.event), snapshots.emails()) == before


@pytest.mark.parametrize(
    "rule", [attendance.check_in_party, attendance.mark_no_show, lambda rsvp: attendance.set_checked_in(rsvp, {})]
)
def test_attendance_is_refused_before_the_day_and_when_canceled(rule):
    upcoming = factories.rsvp(factories.event())
    with pytest.raises(attendance.CheckInNotOpen, match="starting on the day of the event"):
        rule(upcoming)
    canceled = party("Ben Ochoa")
    factories.mark_event_canceled(canceled.event)
    with pytest.raises(attendance.CheckInNotOpen, match="This event was canceled"):
        rule(canceled)
    canceled_party = factories.rsvp(factories.event(), "Chue Vang")
    seats.cancel(canceled_party)
    factories.end_event(canceled_party.event)
    with pytest.raises(seats.RsvpClosed, match="This RSVP is canceled"):
        rule(canceled_party)
    assert not Guest.objects.filter(checked_in_at__isnull=False).exists()


def test_check_in_of_party_without_seats_is_refused():
    event = factories.event(capacity=1)
    factories.rsvp(event)
    waiting = party("Ben Ochoa", event)
    with pytest.raises(attendance.NoSeatHeld, match="no confirmed seats"):
        attendance.check_in_party(waiting)


def test_check_in_opens_at_local_midnight_of_the_event_day():
    event = reminder_fixtures.event()
    assert not attendance.can_check_in(event, reminder_fixtures.moment(4, 7) - timedelta(seconds=1))
    assert attendance.can_check_in(event, reminder_fixtures.moment(4, 7))
    assert attendance.can_check_in(event, reminder_fixtures.moment(5, 1))


# The admin -------------------------------------------------------------------------------------------------------


def run_action(staff, action: str, *rsvps: Rsvp):
    return web_client.run_action(staff, "/imagine/admin/summit/rsvp/", action, rsvps)


@pytest.mark.slow
def test_bulk_check_in_and_no_show_report_counts_and_refusals(staff):
    event = factories.event(capacity=2)
    one, two, waitlisted = (factories.rsvp(event, name) for name in ("Alma Reyes", "Ben Ochoa", "Chue Vang"))
    factories.end_event(event)
    attendance.check_in_party(Rsvp.objects.get(pk=two.pk))
    response = run_action(staff, "check_in_parties", one, two, waitlisted)
    assert "1 party marked as attended." in web_client.page_text(response)
    page = web_client.page_text(response.asked)
    assert "1 needs no change." in page
    assert (
        "Chue Vang, 1 seat, Waitlisted: This party has no confirmed seats. Confirm its seats, then mark it as attended."
        in page
    )
    assert [checked_in_positions(rsvp) for rsvp in (one, two, waitlisted)] == [[1], [1], []]
    assert "2 parties marked as no-shows." in web_client.page_text(run_action(staff, "mark_no_shows", one, two))
    assert [checked_in_positions(rsvp) for rsvp in (one, two)] == [[], []]


def change_url(rsvp: Rsvp) -> str:
    return f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/"


def test_rsvp_page_has_no_check_in_boxes_before_the_event_day(staff):
    page = web_client.form_fields(staff.get(change_url(factories.rsvp(factories.event(), size=2))))
    assert not [name for name in page if name.endswith("-came")]


def test_guests_are_checked_in_on_the_rsvp_page(staff):
    rsvp = party(size=3)
    fields = web_client.form_fields(staff.get(change_url(rsvp)))
    assert staff.post(change_url(rsvp), fields | {"guests-0-came": "on", "guests-2-came": "on"}).status_code == 302
    assert checked_in_positions(rsvp) == [1, 3]
    fields = web_client.form_fields(staff.get(change_url(rsvp)))
    del fields["guests-2-came"]
    assert staff.post(change_url(rsvp), fields | {"guests-1-name": "Chue Vang"}).status_code == 302
    assert checked_in_positions(rsvp) == [1]
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Chue Vang"), (3, "")]


def test_saving_rsvp_page_unchanged_keeps_check_in_times(staff):
    rsvp = party(size=2)
    attendance.check_in_party(rsvp)
    before = snapshots.tables(exclude=("accounts.StaffSession", "admin.LogEntry"))
    assert staff.post(change_url(rsvp), web_client.form_fields(staff.get(change_url(rsvp)))).status_code == 302
    assert snapshots.tables(exclude=("accounts.StaffSession", "admin.LogEntry")) == before


@pytest.mark.slow
def test_check_in_by_another_editor_is_kept(staff):
    rsvp = party(size=2)
    own_form = web_client.form_fields(staff.get(change_url(rsvp)))
    attendance.check_in_party(rsvp)
    assert staff.post(change_url(rsvp), own_form | {"guests-1-name": "Chue Vang"}).status_code == 302
    assert checked_in_positions(rsvp) == [1, 2]


@pytest.mark.slow
def test_guest_added_and_checked_in_in_the_meantime_stays_checked_in(staff):
    rsvp = factories.rsvp(factories.event(), size=2)
    Event.objects.filter(pk=rsvp.event_id).update(starts_at=timezone.now(), rsvp_closes_at=timezone.now())
    own_form = web_client.form_fields(staff.get(change_url(rsvp)))
    seats.change_party_size(rsvp, size=3, by_staff=True)
    attendance.check_in_party(rsvp)
    response = staff.post(change_url(rsvp), own_form)
    assert response.status_code == 200
    repeated = web_client.form_fields(response)
    assert repeated["guests-2-came"] == "on"
    staff.post(change_url(rsvp), repeated)
    assert checked_in_positions(rsvp) == [1, 2, 3]


def test_list_filters_by_came_and_absent(staff):
    event = factories.event()
    attended, no_show = factories.rsvp(event, "Came"), factories.rsvp(event, "Absent")
    factories.rsvp(factories.event(), "Comes next year")
    seats.cancel(factories.rsvp(event, "Cancelled"))
    factories.end_event(event)
    attendance.check_in_party(Rsvp.objects.get(pk=attended.pk))

    def found(status: str) -> list[str]:
        return [rsvp.name for rsvp in staff.get(f"/imagine/admin/summit/rsvp/?status={status}").context["cl"].queryset]

    assert found("came") == ["Came"]
    assert found("absent") == [no_show.name]
