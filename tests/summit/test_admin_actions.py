"""Admin actions on selected rows: they work, are idempotent, are refused with a message, and handle rows that
changed."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from imagine.core.admin.questions import MAX_NAMES
from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client
from tests.summit.test_seats_races import at_once

pytestmark = pytest.mark.django_db

RSVPS, EVENTS = "/imagine/admin/summit/rsvp/", "/imagine/admin/summit/event/"
MESSAGES = "/imagine/admin/mail/message/"
IGNORED_TABLES = ("accounts.StaffSession",)
GONE = "1 of the selected items was changed or deleted in the meantime."
NEEDED_NO_CHANGE = "1 needed no change."


def run_action(staff: Client, action: str, *rows, to: str = RSVPS, **more):
    return web_client.run_action(staff, to, action, rows, **more)


def shown_messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# Each action on one RSVP ------------------------------------------------------------------------------------------


def seated(event: Event) -> Rsvp:
    return factories.rsvp(event, size=2)


def canceled(event: Event) -> Rsvp:
    return seats.cancel(seated(event))


def waitlisted_party(event: Event) -> Rsvp:
    """A party that waits although seats are available, as after promotion has stopped."""
    return seats.move_to_waitlist(seated(event))


def waitlisted_without_seats(event: Event) -> Rsvp:
    """A party that waits while no seat is available."""
    event.capacity = 0
    factories.save_event(event)
    return factories.rsvp(event, size=2)


REASON = {"reason": "The superintendent asked"}
ALREADY_EMAILED = "1 personal link was emailed in the last 10 minutes, so we didn’t send it again."
EVENT_OVER = "This event is over or was canceled, so nothing can be changed."
# Action, row, data, message, seats afterward, newest email, message when repeated, message when the event is over.
CASES = [
    (
        "cancel_rsvps",
        seated,
        {},
        "1 RSVP canceled.",
        (0, 0),
        "canceled",
        NEEDED_NO_CHANGE,
        "This event is over, so nothing",
    ),
    (
        "reinstate_rsvps",
        canceled,
        {},
        "1 RSVP restored.",
        (2, 0),
        "confirmed",
        NEEDED_NO_CHANGE,
        "This event isn’t taking RSVPs",
    ),
    (
        "promote_rsvps",
        waitlisted_party,
        {},
        "Seats confirmed for 1 RSVP.",
        (2, 0),
        "promoted",
        NEEDED_NO_CHANGE,
        EVENT_OVER,
    ),
    (
        "promote_over_capacity",
        waitlisted_without_seats,
        REASON,
        "Seats confirmed for 1 RSVP.",
        (2, 0),
        "promoted",
        NEEDED_NO_CHANGE,
        EVENT_OVER,
    ),
    (
        "move_rsvps_to_waitlist",
        seated,
        {},
        "1 RSVP moved to the waitlist.",
        (0, 2),
        "waitlisted",
        NEEDED_NO_CHANGE,
        EVENT_OVER,
    ),
    (
        "resend_links",
        seated,
        {},
        "1 personal link emailed.",
        (2, 0),
        "link",
        ALREADY_EMAILED,
        "This event is over, so we can’t resend its links.",
    ),
]
NAMES = [case[0] for case in CASES]


@pytest.mark.parametrize(
    ("action", "create_row", "more", "expected_text", "seats_after", "email", "repeated_message", "_when_over"),
    CASES,
    ids=NAMES,
)
def test_action_works_and_repeating_it_changes_nothing(
    staff, action, create_row, more, expected_text, seats_after, email, repeated_message, _when_over
):
    rsvp = create_row(factories.event())
    AuditEntry.objects.all().delete()
    assert shown_messages(run_action(staff, action, rsvp, **more)) == [expected_text]
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == seats_after
    assert snapshots.emails(rsvp)[-1].split()[0] == email
    by = AuditEntry.objects.about(rsvp).values_list("actor_kind", "actor_name", "reason")
    assert list(by) == ([] if email == "link" else [("staff", "staff", more.get("reason", ""))])
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, action, rsvp, **more)) == [repeated_message]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "create_row", "more", "_text", "_seats", "_email", "_repeated", "message_when_over"), CASES, ids=NAMES
)
def test_action_on_past_event_is_refused(
    staff, action, create_row, more, _text, _seats, _email, _repeated, message_when_over
):
    event = factories.event()
    rsvp = create_row(event)
    factories.end_event(event)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    [sentence] = shown_messages(run_action(staff, action, rsvp, **more))
    assert sentence.startswith(f"RSVP {rsvp.code}: {message_when_over}")
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize("action", [*NAMES, "replace_rsvp_links", "guests_csv", "guests_xlsx", "delete_selected"])
def test_action_on_deleted_row_says_so_and_changes_nothing(staff, action):
    deleted = factories.rsvp(factories.event())
    seats.delete_rsvp(deleted)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, action, deleted, **REASON, post="yes")) == [GONE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "create_row", "more", "expected_text", "seats_after", "_email", "_repeated", "_when_over"),
    CASES,
    ids=NAMES,
)
def test_action_still_applies_to_other_rows_when_one_was_deleted(
    staff, action, create_row, more, expected_text, seats_after, _email, _repeated, _when_over
):
    deleted, remaining = factories.rsvp(factories.event()), create_row(factories.event())
    seats.delete_rsvp(deleted)
    response = run_action(staff, action, deleted, remaining, **more)
    assert [*shown_messages(response.asked), *shown_messages(response)] == [GONE, expected_text]
    remaining.refresh_from_db()
    assert (remaining.held_seats, remaining.waitlisted_seats) == seats_after


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "expected_message"),
    [
        ("cancel_rsvps", NEEDED_NO_CHANGE),
        ("promote_rsvps", NEEDED_NO_CHANGE),
        ("move_rsvps_to_waitlist", "This RSVP is canceled."),
    ],
)
def test_action_on_rsvp_canceled_in_the_meantime_changes_nothing(staff, action, expected_message):
    rsvp = canceled(factories.event())
    before = snapshots.tables(exclude=IGNORED_TABLES)
    [sentence] = shown_messages(run_action(staff, action, rsvp))
    assert sentence.removeprefix(f"RSVP {rsvp.code}: ") == expected_message
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_action_skips_rows_that_no_longer_match_the_list_filter(staff):
    """Selected while waitlisted but seated since: the action was meant for a waitlisted party."""
    rsvp = seats.promote_by_staff(waitlisted_party(factories.event()))
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, "cancel_rsvps", rsvp, to=f"{RSVPS}?status=waitlisted")) == [GONE]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
@pytest.mark.parametrize("key", ["abc", "1.5", "", "\0", "-1", "9" * 30])
@pytest.mark.parametrize(
    ("to", "action"),
    [(RSVPS, "cancel_rsvps"), (EVENTS, "cancel_events"), ("/imagine/admin/mail/message/", "resend")],
)
def test_action_on_invalid_pk_says_the_row_is_gone(staff, to, action, key):
    assert shown_messages(run_action(staff, action, key, to=to, sure="yes")) == [GONE]


def test_action_without_selected_rows_shows_message(staff):
    assert shown_messages(run_action(staff, "cancel_rsvps", index="0")) == [
        "Items must be selected in order to perform actions on them. No items have been changed."
    ]


@pytest.mark.slow
def test_view_only_staff_can_export_but_not_run_other_actions():
    rsvp = seated(factories.event())
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    viewer = Client()
    viewer.force_login(user)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for action in [*NAMES, "replace_rsvp_links", "delete_selected"]:
        assert shown_messages(run_action(viewer, action, rsvp, **REASON)) == ["No action selected."]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert run_action(viewer, "guests_csv", rsvp)["Content-Type"].startswith("text/csv")


# What single actions promise --------------------------------------------------------------------------------------


def test_promoting_names_the_party_that_did_not_fit(staff):
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    fits, large = factories.rsvp(event, "Fits"), factories.rsvp(event, "Large", size=3)
    factories.stop_promotion(event)
    event.refresh_from_db()
    event.capacity = 3
    factories.save_event(event)
    response = run_action(staff, "promote_rsvps", large, fits)
    assert shown_messages(response) == ["Seats confirmed for 1 RSVP."]
    assert response.asked.context["question"].notes == [
        "Large, 3 seats, Waitlisted: Only 1 seat is available, and this party is waiting for 3.",
    ]
    assert snapshots.seats(event) == [("Seated", 1, 0), ("Fits", 1, 0), ("Large", 0, 3)]


@pytest.mark.parametrize("reason", ["", "   "])
def test_override_without_a_reason_is_refused(staff, reason):
    rsvp = waitlisted_without_seats(factories.event())
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = run_action(staff, "promote_over_capacity", rsvp, reason=reason)
    assert response.context["question"].form.errors == {"reason": ["Enter a reason."]}
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_replacing_a_link_works_repeatedly_and_after_the_event(staff):
    """The old link would show the names of the party, however long ago the event was."""
    event = factories.event()
    rsvp = factories.rsvp(event)
    valid_tokens = {rsvp.token}
    for end in (None, None, factories.end_event):
        if end:
            end(event)
        Message.objects.update(state="sent", sent_at=timezone.now())  # unsent email with an old link is deleted
        assert shown_messages(run_action(staff, "replace_rsvp_links", rsvp)) == ["1 personal link replaced."]
        valid_tokens.add(Rsvp.objects.get().token)
    assert len(valid_tokens) == 4
    assert [email.split()[0] for email in snapshots.emails()] == ["confirmed", *["new_link"] * 3]
    assert Client().get(rsvp.get_absolute_url()).status_code == 404


@pytest.mark.slow
def test_bulk_cancel_sends_one_email_per_party(staff):
    """The first party's seats would go to the second, which is canceled, too."""
    event = factories.event(capacity=1)
    canceled_rsvps = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Next"), factories.rsvp(event, "Then")]
    remaining = factories.rsvp(event, "Stays")
    assert shown_messages(run_action(staff, "cancel_rsvps", *canceled_rsvps)) == ["3 RSVPs canceled."]
    assert [snapshots.emails(rsvp)[1:] for rsvp in canceled_rsvps] == [
        ["canceled 2 CANCEL"],
        ["canceled 2"],
        ["canceled 2"],
    ]
    assert snapshots.emails(remaining) == ["waitlisted 1", "promoted 2 REQUEST"]


@pytest.mark.slow
def test_bulk_delete_sends_no_email_to_deleted_parties(staff):
    event = factories.event(capacity=1)
    deleted = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Next")]
    remaining = factories.rsvp(event, "Stays")
    run_action(staff, "delete_selected", *deleted, post="yes")
    assert snapshots.seats(event) == [("Stays", 1, 0)]
    assert snapshots.emails() == snapshots.emails(remaining) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_moving_to_waitlist_gives_seats_to_parties_ahead(staff):
    event = factories.event(capacity=2)
    rsvp, waitlisted = factories.rsvp(event, size=2), factories.rsvp(event, "Waits")
    run_action(staff, "move_rsvps_to_waitlist", rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 2), ("Waits", 1, 0)]
    assert snapshots.emails(waitlisted) == ["waitlisted 1", "promoted 2 REQUEST"]
    page = web_client.page_text(staff.get(f"{RSVPS}{rsvp.pk}/change/"))
    assert "confirmed seats: 2 → 0 waitlisted seats: 0 → 2" in page


@pytest.mark.slow
def test_refusals_for_the_same_reason_share_one_message(staff):
    """Messages travel in a cookie, where one message each would push each other out."""
    event = factories.event(capacity=40)
    rsvps = [factories.rsvp(event, f"Guest {number}") for number in range(30)]
    factories.end_event(event)
    names = ", ".join(str(rsvp) for rsvp in rsvps[:MAX_NAMES])
    assert shown_messages(run_action(staff, "cancel_rsvps", *rsvps)) == [
        f"{names} and {30 - MAX_NAMES} more: This event is over, so nothing can be changed."
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_export_without_guests_shows_message_instead_of_file(staff, kind):
    response = run_action(staff, f"guests_{kind}", canceled(factories.event()))
    assert shown_messages(response) == [
        "No guests to export. To include canceled RSVPs, filter by “Canceled” or “Canceled late.”"
    ]


def test_export_skips_deleted_rsvp_and_says_so_on_the_next_page(staff):
    event = factories.event()
    deleted, remaining = factories.rsvp(event, "Gone"), factories.rsvp(event, "Stays")
    seats.delete_rsvp(deleted)
    file = staff.post(RSVPS, {"action": "guests_csv", "_selected_action": [deleted.pk, remaining.pk]})
    rows = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()
    assert [row.split(",")[2] for row in rows if "Stays" in row or "Gone" in row] == ["Stays"]
    assert shown_messages(staff.get(RSVPS)) == [GONE]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_guests_of_past_event_can_be_exported(staff, kind):
    event = factories.event()
    rsvp = factories.rsvp(event)
    factories.end_event(event)
    file = run_action(staff, f"guests_{kind}", rsvp)
    assert len(b"".join(file.streaming_content)) > 100
    assert file["Content-Disposition"].endswith(f'.{kind}"')
    file.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_promotions_give_the_last_seat_once():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    waitlisted = [factories.rsvp(event, "First"), factories.rsvp(event, "Second")]
    factories.stop_promotion(event)
    seats.cancel(event.rsvps.get(name="Seated"))
    staff = [Client(), Client()]
    for number, client in enumerate(staff):
        client.force_login(User.objects.create_superuser(f"staff {number}"))
    pages = at_once(  # only the text: other attributes of test responses get mixed up between threads
        [
            lambda c=client, r=rsvp: web_client.page_text(run_action(c, "promote_rsvps", r))
            for client, rsvp in zip(staff, waitlisted, strict=True)
        ]
    )
    left_out = event.rsvps.get(waitlisted_seats=1)
    for sentence in ("Seats confirmed for 1 RSVP.", f"RSVP {left_out.code}: No seats are available right now."):
        assert sum(sentence in page for page in pages) == 1
    assert sorted(row[1:] for row in snapshots.seats(event)) == [(0, 0), (0, 1), (1, 0)]
    assert sum(email.startswith("promoted") for email in snapshots.emails()) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_moves_to_waitlist_happen_once():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=2)
    factories.rsvp(event, "Waits")
    results = at_once([lambda: seats.apply_to_many(seats.move_to_waitlist, [rsvp])[0][1]] * 4)
    assert sorted(results) == [False, False, False, True]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL"]


# Events -----------------------------------------------------------------------------------------------------------


def test_canceling_an_event_again_changes_nothing(staff):
    event = factories.event()
    rsvp = factories.rsvp(event)
    assert shown_messages(run_action(staff, "cancel_events", event, to=EVENTS, sure="yes")) == ["1 event canceled."]
    before = snapshots.tables(exclude=IGNORED_TABLES)
    assert shown_messages(run_action(staff, "cancel_events", event, to=EVENTS, sure="yes")) == [
        "1 event was already canceled. We won’t email anyone again."
    ]
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    factories.notify_guests()
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]


def test_canceling_event_that_ended_during_confirmation_is_refused(staff):
    event, other = factories.event(), factories.event()
    factories.rsvp(event)
    run_action(staff, "cancel_events", event, other, to=EVENTS)
    factories.end_event(event)
    emails = snapshots.emails()
    assert shown_messages(run_action(staff, "cancel_events", event, other, to=EVENTS, sure="yes")) == [
        "1 event canceled.",
        f"{Event.objects.get(pk=event.pk)}: This event is over, so it can’t be canceled.",
    ]
    assert snapshots.emails() == emails


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"sure": "yes"}])
def test_canceling_deleted_event_says_so(staff, more):
    event = factories.event()
    pk = event.pk
    event.delete()
    assert shown_messages(run_action(staff, "cancel_events", pk, to=EVENTS, **more)) == [GONE]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_event_cancellations_notify_guests_once():
    event = factories.event()
    rsvp = factories.rsvp(event)
    at_once([lambda: factories.cancel_event(event)] * 4)
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]


def test_deleting_an_event_with_rsvps_is_refused(staff):
    event = factories.event()
    factories.rsvp(event)
    page = web_client.page_text(run_action(staff, "delete_selected", event, to=EVENTS, post="yes"))
    assert "Can’t delete 1 event" in page
    assert "still needed" in page
    assert Event.objects.count() == 1


# Messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_resend_handles_repeated_request_and_deleted_message(staff):
    rsvp = factories.rsvp(factories.event())
    Message.objects.update(state="rejected", last_error="550 no")
    message = Message.objects.get()
    assert shown_messages(run_action(staff, "resend", message, to=MESSAGES)) == ["1 email will be resent."]
    assert shown_messages(run_action(staff, "resend", message, to=MESSAGES)) == ["1 email is already on its way."]
    seats.delete_rsvp(rsvp)
    assert shown_messages(run_action(staff, "resend", message, to=MESSAGES)) == [GONE]
    assert "doesn’t exist" in web_client.page_text(
        staff.post(f"{MESSAGES}{message.pk}/change/", {"_resend": "1"}, follow=True)
    )
