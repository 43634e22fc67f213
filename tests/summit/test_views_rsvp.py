"""What a personal link can do: view, change, cancel and reinstate the RSVP, and download the calendar file."""

import pytest
from django.urls import reverse

from imagine.mail.models import Message
from summit import seats
from summit.models import Event
from tests import factories, snapshots, web_client

pytestmark = pytest.mark.django_db

CHANGES = ("change_party", "cancel_rsvp", "reinstate_rsvp")
IGNORED_TABLES = ("core.RateLimitCount",)


def post(client, name: str, rsvp, **fields):
    response = client.post(reverse(name, args=[rsvp.token]), fields)
    if response.status_code == 302:
        assert response["Location"] == rsvp.get_absolute_url()
    return response


def page(client, rsvp) -> str:
    return web_client.page_text(client.get(rsvp.get_absolute_url()))


# Viewing -----------------------------------------------------------------------------------------------------------


def test_rsvp_page_in_each_state(client):
    event = factories.event(capacity=3)
    confirmed = factories.rsvp(event, "Alma", size=2)
    partly_confirmed = factories.rsvp(event, "Ben", size=3, accepts_partial=True)
    waitlisted_rsvp = factories.rsvp(event, "Cleo", size=2)
    canceled = seats.cancel(factories.rsvp(event, "Dee"))
    assert "Confirmed You have 2 seats" in page(client, confirmed)
    assert "Partly confirmed You have 1 seat and are waiting for 2 more" in page(client, partly_confirmed)
    assert "Waitlisted You’re on the waitlist for 2 seats" in page(client, waitlisted_rsvp)
    assert "Canceled Your RSVP is canceled" in page(client, canceled)
    assert "You can RSVP again" in page(client, canceled)
    factories.mark_event_canceled(event)
    assert "Canceled This event is canceled" in page(client, confirmed)
    Event.objects.update(canceled_at=None)
    factories.end_event(event)
    assert "Thank you This event is over" in page(client, confirmed)
    for rsvp in (confirmed, waitlisted_rsvp, canceled):
        assert "Save changes" not in page(client, rsvp)


def test_rsvp_page_shows_only_its_own_party(client):
    event = factories.event()
    rsvp, other = (
        factories.rsvp(event, size=2, guests=("Ben",)),
        factories.rsvp(event, "Zoltan Quirke", size=2, guests=("Yara",)),
    )
    html = client.get(rsvp.get_absolute_url()).content.decode()
    assert 'value="Alma Reyes"' in html
    assert 'value="Ben"' in html
    for private in ("Zoltan", "Yara", other.email, other.token):
        assert private not in html


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("queued", "is on its way"),
        ("sent", "We emailed alma.reyes@example.org."),
        ("rejected", "Our email to alma.reyes@example.org didn’t go through."),
        ("failed", "Our email to alma.reyes@example.org didn’t go through."),
    ],
)
def test_rsvp_page_shows_the_state_of_the_newest_email(client, state, expected):
    rsvp = factories.rsvp(factories.event())
    Message.objects.update(state=state, sent_at=rsvp.created_at if state == "sent" else None)
    assert expected in page(client, rsvp)


# Changing the party ------------------------------------------------------------------------------------------------


def test_change_party_saves_names_and_needs_and_can_be_repeated(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    contact, guest = rsvp.guests.all()
    fields = {
        f"guest-{contact.pk}-name": "Alma R.",
        f"guest-{guest.pk}-name": "Ben",
        f"guest-{guest.pk}-dietary_needs": "no nuts",
        f"guest-{guest.pk}-accessibility_needs": "interpreter",
    }
    for _twice in range(2):
        post(client, "change_party", rsvp, **fields)
    assert list(rsvp.guests.values_list("name", "dietary_needs", "accessibility_needs")) == [
        ("Alma R.", "", ""),
        ("Ben", "no nuts", "interpreter"),
    ]
    assert snapshots.emails() == ["confirmed 1 REQUEST"]
    assert "Changes saved." in page(client, rsvp)


def test_change_party_with_invalid_input_saves_nothing_and_keeps_the_input(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    contact, guest = rsvp.guests.all()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    fields = {
        f"guest-{contact.pk}-name": "",
        f"guest-{guest.pk}-name": "Ben",
        f"guest-{guest.pk}-dietary_needs": "x" * 201,
    }
    response = post(client, "change_party", rsvp, **fields, grow="3")
    html = response.content.decode()
    assert response.status_code == 422
    assert "Enter your name." in html
    assert 'value="Ben"' in html
    assert "x" * 201 in html
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_stale_page_does_not_undo_staff_corrections(client):
    rsvp = factories.rsvp(factories.event(), size=2, guests=("Bne",))
    form_data = web_client.form_fields(client.get(rsvp.get_absolute_url()))
    contact, guest = rsvp.guests.all()
    right = {"name": "Ben", "dietary_needs": "no nuts", "accessibility_needs": ""}
    seats.update_guests(rsvp, {guest.pk: right}, by_staff=True)
    post(client, "change_party", rsvp, **form_data | {f"guest-{contact.pk}-dietary_needs": "vegan", "grow": "3"})
    assert list(rsvp.guests.values_list("name", "dietary_needs")) == [
        ("Alma Reyes", "vegan"),
        ("Ben", "no nuts"),
        ("", ""),
    ]


def test_grow_clicked_twice_adds_one_guest_and_keeps_typed_names(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    guest = rsvp.guests.last()
    for _twice in range(2):
        post(client, "change_party", rsvp, grow="3", **{f"guest-{guest.pk}-name": "Ben"})
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Ben"), (3, "")]
    assert snapshots.emails() == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_remove_clicked_twice_removes_one_guest(client):
    rsvp = factories.rsvp(factories.event(), size=3, guests=("Ben", "Cleo"))
    ben = rsvp.guests.get(name="Ben")
    for _twice in range(2):
        post(client, "change_party", rsvp, remove=str(ben.pk))
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes"), (2, "Cleo")]
    assert snapshots.emails() == ["confirmed 1 REQUEST", "changed 2 REQUEST"]


def test_removing_another_partys_guest_changes_nothing(client):
    event = factories.event()
    rsvp, other = factories.rsvp(event, size=2), factories.rsvp(event, "Other", size=2)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    other_guest = other.guests.last()
    post(client, "change_party", rsvp, remove=str(other_guest.pk), **{f"guest-{other_guest.pk}-name": "Eve"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_accepting_fewer_and_leaving_the_waitlist_can_be_repeated(client):
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=4)
    for _twice in range(2):
        post(client, "change_party", rsvp, fewer="1")
    assert snapshots.seats(event) == [("Alma Reyes", 2, 2)]
    for _twice in range(2):
        post(client, "change_party", rsvp, stop="1")
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
    post(client, "change_party", rsvp, fewer="0")
    rsvp.refresh_from_db()
    assert rsvp.accepts_partial is False


def test_grow_from_a_stale_page_removes_no_one(client):
    rsvp = factories.rsvp(factories.event(), size=3)
    seats.change_party_size(rsvp, size=5)
    post(client, "change_party", rsvp, grow="4")
    assert snapshots.seats(rsvp.event) == [("Alma Reyes", 5, 0)]


def test_leaving_the_waitlist_from_a_stale_page_keeps_promoted_seats(client):
    event = factories.event(capacity=3)
    other = factories.rsvp(event, "Other", size=2)
    rsvp = factories.rsvp(event, size=3, accepts_partial=True)
    seats.cancel(other)
    post(client, "change_party", rsvp, stop="1")
    assert snapshots.seats(event) == [("Other", 0, 0), ("Alma Reyes", 3, 0)]


def test_growing_past_max_party_size_shows_an_error(client):
    rsvp = factories.rsvp(factories.event(), size=2)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    post(client, "change_party", rsvp, grow="7")
    assert "A party can have 1 to 6 people." in page(client, rsvp)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_button_with_an_invalid_number_gets_400_and_saves_nothing(subtests, client):
    rsvp = factories.rsvp(factories.event(), size=2)
    contact = rsvp.guests.first()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for button in ["grow", "remove"]:
        for value in ["-1", "1.5", "three", "²", "٣", "", "9" * 5000, "1e3", "None", "\x00"]:
            with subtests.test(button=button, value=value):
                response = post(client, "change_party", rsvp, **{button: value, f"guest-{contact.pk}-name": "Half"})
                assert response.status_code == 400
                assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_renaming_the_contact_renames_the_rsvp(client):
    rsvp = factories.rsvp(factories.event())
    post(client, "change_party", rsvp, **{f"guest-{rsvp.guests.get().pk}-name": "Alma López"})
    rsvp.refresh_from_db()
    assert rsvp.name == "Alma López"
    assert "At check-in, give Alma López" in page(client, rsvp)


def test_available_seats_can_be_taken_after_the_waitlist_has_closed(client):
    event = factories.event(capacity=2)
    seated, first, second = (
        factories.rsvp(event, "Seated", size=2),
        factories.rsvp(event, "First", size=3),
        factories.rsvp(event, "Two"),
    )
    factories.stop_promotion(event)
    assert "We’ve stopped filling seats from the waitlist." in page(client, first)
    assert "Take the" not in page(client, first)
    seats.cancel(seated)
    assert "Take the 2 available seats" in page(client, first)
    for _twice in range(2):
        post(client, "change_party", first, take="1")
    assert snapshots.seats(event) == [("Seated", 0, 0), ("First", 2, 1), ("Two", 0, 1)]
    post(client, "change_party", second, take="1")
    assert "No seats are available right now." in page(client, second)


@pytest.mark.slow
def test_emails_caused_by_one_rsvp_are_limited(client):
    rsvp = factories.rsvp(factories.event(), size=1)
    statuses = {post(client, "change_party", rsvp, grow="2").status_code for _try in range(20)}
    assert statuses == {302}
    assert post(client, "reinstate_rsvp", rsvp, size="2").status_code == 429
    assert post(client, "change_party", rsvp).status_code == 302  # changed names send no email


def test_rsvp_deleted_in_the_meantime_is_not_found(client, monkeypatch):
    rsvp = factories.rsvp(factories.event(), size=1)
    monkeypatch.setattr("summit.views.rsvp.wait_for_rsvp_email", lambda rsvp: seats.delete_rsvp(rsvp) and 0)
    assert post(client, "change_party", rsvp, grow="2").status_code == 404


# Canceling and reinstating -----------------------------------------------------------------------------------------


def test_cancel_asks_for_confirmation_and_cancels_once(client):
    event = factories.event(capacity=2)
    rsvp, waitlisted = factories.rsvp(event, size=2), factories.rsvp(event, "Waits")
    address = reverse("cancel_rsvp", args=[rsvp.token])
    before = snapshots.tables()
    text = web_client.page_text(client.get(address))
    for expected in ("Cancel your RSVP?", "You’ll give up your 2 seats.", "People on the waitlist may get your seats"):
        assert expected in text
    assert snapshots.tables() == before
    for _twice in range(2):
        post(client, "cancel_rsvp", rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 0), ("Waits", 1, 0)]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "canceled 2 CANCEL"]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]
    assert client.get(address)["Location"] == rsvp.get_absolute_url()


def test_cancel_page_says_only_what_is_so(client):
    event = factories.event(capacity=3)
    alone = factories.rsvp(event)
    address = reverse("cancel_rsvp", args=[alone.token])
    text = web_client.page_text(client.get(address))
    assert "You’ll give up your seat." in text
    assert "People on the waitlist" not in text  # no one is waiting
    assert "you’ll join the end of the waitlist" in text
    waitlisted = factories.rsvp(event, "Waits", size=3)
    assert "People on the waitlist may get your seat right away." in web_client.page_text(client.get(address))
    waitlist_address = reverse("cancel_rsvp", args=[waitlisted.token])
    text = web_client.page_text(client.get(waitlist_address))
    assert "Leave the waitlist? " in text
    assert "You’ll give up your place on the waitlist." in text
    assert "People on the waitlist" not in text
    factories.stop_promotion(event)
    factories.close_rsvp(event)
    text = web_client.page_text(client.get(address))
    assert "People on the waitlist" not in text  # seats aren't filled from it anymore
    assert "RSVPs are closed, so you won’t be able to RSVP again." in text


def test_page_of_a_party_of_one_on_the_waitlist_does_not_speak_of_several(client):
    event = factories.event(capacity=1)
    factories.rsvp(event)
    one, two = factories.rsvp(event, "One"), factories.rsvp(event, "Two", size=2)
    choices = (
        "Take seats as they open up",
        "once there’s room for everyone you’re waiting for",
        "Add your guests’ names",
    )
    assert [choice in page(client, one) for choice in choices] == [False, False, False]
    assert "Don’t want to wait?" in page(client, one)
    assert [choice in page(client, two) for choice in choices] == [True, True, True]


def test_reinstate_clicked_twice_reinstates_once(client):
    event = factories.event()
    rsvp = seats.cancel(factories.rsvp(event, size=2))
    for _twice in range(2):
        post(client, "reinstate_rsvp", rsvp, size="3")
    assert snapshots.seats(event) == [("Alma Reyes", 3, 0)]
    assert snapshots.emails(rsvp)[2:] == ["confirmed 3 REQUEST"]


@pytest.mark.parametrize("size", ["x", None])
def test_reinstate_without_a_number_gets_400(client, size):
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    assert post(client, "reinstate_rsvp", rsvp, **({"size": size} if size else {})).status_code == 400


@pytest.mark.parametrize("size", ["0", "7"])
def test_reinstate_with_an_invalid_party_size_shows_an_error(client, size):
    rsvp = seats.cancel(factories.rsvp(factories.event()))
    post(client, "reinstate_rsvp", rsvp, size=size)
    assert "A party can have 1 to 6 people." in page(client, rsvp)
    rsvp.refresh_from_db()
    assert rsvp.status == "canceled"


@pytest.mark.parametrize("stop", [factories.end_event, factories.mark_event_canceled])
@pytest.mark.parametrize("name", CHANGES)
def test_changes_by_link_are_refused_after_the_event_except_canceling(client, name, stop):
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    if name == "reinstate_rsvp":
        seats.cancel(rsvp)
    stop(event)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    post(client, name, rsvp, size="1")
    if (name, stop) == (
        "cancel_rsvp",
        factories.mark_event_canceled,
    ):  # harmless: no one is promoted, and guests may always cancel
        assert snapshots.seats(event) == [("Alma Reyes", 0, 0)]
    else:
        assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_growing_after_rsvps_close_is_refused_but_shrinking_works(client):
    event = factories.event()
    rsvp = factories.rsvp(event, size=2)
    factories.close_rsvp(event)
    assert "Add a guest" not in page(client, rsvp)
    post(client, "change_party", rsvp, grow="3")
    assert "This event isn’t taking RSVPs right now." in page(client, rsvp)
    post(client, "change_party", rsvp, remove=str(rsvp.guests.last().pk))
    assert snapshots.seats(event) == [("Alma Reyes", 1, 0)]


@pytest.mark.parametrize("name", ["change_party", "reinstate_rsvp"])
def test_get_of_a_change_redirects_to_the_rsvp_and_changes_nothing(client, name):
    rsvp = factories.rsvp(factories.event())
    before = snapshots.tables()
    assert client.get(reverse(name, args=[rsvp.token]))["Location"] == rsvp.get_absolute_url()
    assert client.delete(reverse(name, args=[rsvp.token])).status_code == 405
    assert snapshots.tables() == before


# Calendar file -----------------------------------------------------------------------------------------------------


def test_calendar_file_has_the_rsvps_uid_and_no_token_in_its_name(client):
    rsvp = factories.rsvp(factories.event())
    response = client.get(reverse("rsvp_calendar", args=[rsvp.token]))
    text = response.content.decode().replace("\r\n ", "")
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert rsvp.token not in response["Content-Disposition"]
    assert f"UID:{rsvp.ics_uid}" in text
    assert "METHOD:PUBLISH" in text


def test_calendar_file_is_not_found_while_no_seat_is_held(client):
    waitlisted_rsvp = factories.rsvp(factories.event(capacity=0))
    assert client.get(reverse("rsvp_calendar", args=[waitlisted_rsvp.token])).status_code == 404
