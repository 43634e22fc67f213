"""Actions on ticked rows: each works, repeats harmlessly, is refused in a sentence, and meets rows that changed."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from imagine.core.admin.actions import MAX_NAMES
from imagine.core.models import AuditEntry
from imagine.mail.models import Message
from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client
from tests.summit.test_seats_races import at_once

pytestmark = pytest.mark.django_db

RSVPS, EVENTS = "/imagine/admin/summit/rsvp/", "/imagine/admin/summit/event/"
MESSAGES = "/imagine/admin/mail/message/"
KEPT = ("accounts.StaffSession",)
GONE = "1 that you ticked is not in this list any more: it was changed or erased meanwhile."
SAME = "1 was so already and stays as it is."


def act(staff: Client, action: str, *rows, to: str = RSVPS, **more):
    sent = {"action": action, "_selected_action": [getattr(row, "pk", row) for row in rows], **more}
    return staff.post(to, sent, follow=True)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# Each action on one RSVP ------------------------------------------------------------------------------------------


def seated(event: Event) -> Rsvp:
    return factories.rsvp(event, size=2)


def cancelled(event: Event) -> Rsvp:
    return seats.cancel(seated(event))


def waiting(event: Event) -> Rsvp:
    """It waits although seats are free, as after promotion stopped."""
    return seats.move_to_waitlist(seated(event))


def in_vain(event: Event) -> Rsvp:
    """It waits, and no seat is free."""
    event.capacity = 0
    factories.save_event(event)
    return factories.rsvp(event, size=2)


WHY = {"reason": "The superintendent asked"}
ON_ITS_WAY = "1 link was mailed in the last ten minutes and is not mailed again."
OVER = "This event is over or was cancelled, so nothing can be changed now."
# Action, on what, with what; what it says, how the party stands then, its last letter; what it says again; when over.
EACH = [
    ("cancel_rsvps", seated, {}, "1 RSVP was cancelled.", (0, 0), "canceled", SAME, "This event is over, so nothing"),
    ("reinstate_rsvps", cancelled, {}, "1 RSVP is back.", (2, 0), "confirmed", SAME, "This event does not take RSVPs"),
    ("promote_rsvps", waiting, {}, "1 RSVP was seated.", (2, 0), "promoted", SAME, OVER),
    ("promote_over_capacity", in_vain, WHY, "1 RSVP was seated.", (2, 0), "promoted", SAME, OVER),
    ("move_rsvps_to_waitlist", seated, {}, "1 RSVP waits now.", (0, 2), "waitlisted", SAME, OVER),
    (
        "resend_links",
        seated,
        {},
        "1 link is on its way.",
        (2, 0),
        "link",
        ON_ITS_WAY,
        "This event is over, so its links",
    ),
]
NAMES = [each[0] for each in EACH]


@pytest.mark.parametrize(("action", "on", "more", "words", "stands", "email", "again", "_over"), EACH, ids=NAMES)
def test_action_works_and_repeating_it_changes_nothing(staff, action, on, more, words, stands, email, again, _over):
    rsvp = on(factories.event())
    AuditEntry.objects.all().delete()
    assert said(act(staff, action, rsvp, **more)) == [words]
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.waitlisted_seats) == stands
    assert snapshots.emails(rsvp)[-1].split()[0] == email
    by = AuditEntry.objects.about(rsvp).values_list("actor_kind", "actor_name", "reason")
    assert list(by) == ([] if email == "link" else [("staff", "staff", more.get("reason", ""))])
    before = snapshots.tables(but=KEPT)
    assert said(act(staff, action, rsvp, **more)) == [again]
    assert snapshots.tables(but=KEPT) == before


@pytest.mark.slow
@pytest.mark.parametrize(("action", "on", "more", "_words", "_stands", "_email", "_again", "over"), EACH, ids=NAMES)
def test_action_on_past_event_is_refused(staff, action, on, more, _words, _stands, _email, _again, over):
    event = factories.event()
    rsvp = on(event)
    factories.end_event(event)
    before = snapshots.tables(but=KEPT)
    [sentence] = said(act(staff, action, rsvp, **more))
    assert sentence.startswith(f"RSVP {rsvp.code}: {over}")
    assert snapshots.tables(but=KEPT) == before


@pytest.mark.slow
@pytest.mark.parametrize("action", [*NAMES, "replace_rsvp_links", "guests_csv", "guests_xlsx", "delete_selected"])
def test_action_on_deleted_row_says_so_and_changes_nothing(staff, action):
    gone = factories.rsvp(factories.event())
    seats.delete_rsvp(gone)
    before = snapshots.tables(but=KEPT)
    assert said(act(staff, action, gone, **WHY, post="yes")) == [GONE]
    assert snapshots.tables(but=KEPT) == before


@pytest.mark.slow
@pytest.mark.parametrize(("action", "on", "more", "words", "stands", "_email", "_again", "_over"), EACH, ids=NAMES)
def test_action_still_applies_to_other_rows_when_one_was_deleted(
    staff, action, on, more, words, stands, _email, _again, _over
):
    gone, stays = factories.rsvp(factories.event()), on(factories.event())
    seats.delete_rsvp(gone)
    assert said(act(staff, action, gone, stays, **more)) == [GONE, words]
    stays.refresh_from_db()
    assert (stays.held_seats, stays.waitlisted_seats) == stands


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "said_then"),
    [("cancel_rsvps", SAME), ("promote_rsvps", SAME), ("move_rsvps_to_waitlist", "This RSVP is cancelled.")],
)
def test_action_on_rsvp_canceled_in_the_meantime_changes_nothing(staff, action, said_then):
    rsvp = cancelled(factories.event())
    before = snapshots.tables(but=KEPT)
    [sentence] = said(act(staff, action, rsvp))
    assert sentence.removeprefix(f"RSVP {rsvp.code}: ") == said_then
    assert snapshots.tables(but=KEPT) == before


def test_action_skips_rows_that_no_longer_match_the_list_filter(staff):
    """Ticked as waiting, seated since: whatever was meant, it was meant for a party that waits."""
    rsvp = seats.promote_by_staff(waiting(factories.event()))
    before = snapshots.tables(but=KEPT)
    assert said(act(staff, "cancel_rsvps", rsvp, to=f"{RSVPS}?status=waitlisted")) == [GONE]
    assert snapshots.tables(but=KEPT) == before


@pytest.mark.slow
@pytest.mark.parametrize("key", ["abc", "1.5", "", "\0", "-1", "9" * 30])
@pytest.mark.parametrize(
    ("to", "action"),
    [(RSVPS, "cancel_rsvps"), (EVENTS, "cancel_events"), ("/imagine/admin/mail/message/", "resend")],
)
def test_action_on_invalid_pk_says_the_row_is_gone(staff, to, action, key):
    assert said(act(staff, action, key, to=to, sure="yes")) == [GONE]


def test_action_without_selected_rows_shows_message(staff):
    assert said(act(staff, "cancel_rsvps", index="0")) == [
        "Items must be selected in order to perform actions on them. No items have been changed."
    ]


@pytest.mark.slow
def test_view_only_staff_can_export_but_not_run_other_actions():
    rsvp = seated(factories.event())
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    viewer = Client()
    viewer.force_login(user)
    before = snapshots.tables(but=KEPT)
    for action in [*NAMES, "replace_rsvp_links", "delete_selected"]:
        assert said(act(viewer, action, rsvp, **WHY)) == ["No action selected."]
    assert snapshots.tables(but=KEPT) == before
    assert act(viewer, "guests_csv", rsvp)["Content-Type"].startswith("text/csv")


# What single actions promise --------------------------------------------------------------------------------------


def test_promoting_names_the_party_that_did_not_fit(staff):
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    fits, large = factories.rsvp(event, "Fits"), factories.rsvp(event, "Large", size=3)
    factories.stop_promotion(event)
    event.refresh_from_db()
    event.capacity = 3
    factories.save_event(event)
    assert said(act(staff, "promote_rsvps", large, fits)) == [
        "1 RSVP was seated.",
        f"RSVP {large.code}: Only 1 seat is free, and this party waits for 3.",
    ]
    assert snapshots.seats(event) == [("Seated", 1, 0), ("Fits", 1, 0), ("Large", 0, 3)]


@pytest.mark.parametrize("reason", ["", "   "])
def test_override_without_a_reason_is_refused(staff, reason):
    rsvp = in_vain(factories.event())
    before = snapshots.tables(but=KEPT)
    assert said(act(staff, "promote_over_capacity", rsvp, reason=reason)) == [
        "Say why in the field beside the action: it is kept in the history."
    ]
    assert snapshots.tables(but=KEPT) == before


def test_replacing_a_link_works_repeatedly_and_after_the_event(staff):
    """The names of the party can be read by the old one, however long ago the event was."""
    event = factories.event()
    rsvp = factories.rsvp(event)
    opened = {rsvp.token}
    for end in (None, None, factories.end_event):
        if end:
            end(event)
        Message.objects.update(state="sent", sent_at=timezone.now())  # what is unsent with an old link is deleted
        assert said(act(staff, "replace_rsvp_links", rsvp)) == ["1 link was replaced."]
        opened.add(Rsvp.objects.get().token)
    assert len(opened) == 4
    assert [email.split()[0] for email in snapshots.emails()] == ["confirmed", *["new_link"] * 3]
    assert Client().get(rsvp.get_absolute_url()).status_code == 404


@pytest.mark.slow
def test_bulk_cancel_sends_one_email_per_party(staff):
    """The first one's seats would go to the second, which is cancelled too."""
    event = factories.event(capacity=1)
    gone = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Next"), factories.rsvp(event, "Then")]
    stays = factories.rsvp(event, "Stays")
    assert said(act(staff, "cancel_rsvps", *gone)) == ["3 RSVPs were cancelled."]
    assert [snapshots.emails(rsvp)[1:] for rsvp in gone] == [["canceled 2 CANCEL"], ["canceled 2"], ["canceled 2"]]
    assert snapshots.emails(stays) == ["waitlisted 1", "promoted 2 REQUEST"]


@pytest.mark.slow
def test_bulk_delete_sends_no_email_to_deleted_parties(staff):
    event = factories.event(capacity=1)
    gone = [factories.rsvp(event, "Seated"), factories.rsvp(event, "Next")]
    stays = factories.rsvp(event, "Stays")
    act(staff, "delete_selected", *gone, post="yes")
    assert snapshots.seats(event) == [("Stays", 1, 0)]
    assert snapshots.emails() == snapshots.emails(stays) == ["waitlisted 1", "promoted 2 REQUEST"]


def test_moving_to_waitlist_gives_seats_to_parties_ahead(staff):
    event = factories.event(capacity=2)
    rsvp, waits = factories.rsvp(event, size=2), factories.rsvp(event, "Waits")
    act(staff, "move_rsvps_to_waitlist", rsvp)
    assert snapshots.seats(event) == [("Alma Reyes", 0, 2), ("Waits", 1, 0)]
    assert snapshots.emails(waits) == ["waitlisted 1", "promoted 2 REQUEST"]
    page = web_client.page_text(staff.get(f"{RSVPS}{rsvp.pk}/change/"))
    assert "held seats: 2 → 0 waiting seats: 0 → 2" in page


@pytest.mark.slow
def test_refusals_for_the_same_reason_share_one_message(staff):
    """They travel in a cookie: one sentence each would push each other out."""
    event = factories.event(capacity=40)
    rsvps = [factories.rsvp(event, f"Guest {number}") for number in range(30)]
    factories.end_event(event)
    names = ", ".join(str(rsvp) for rsvp in rsvps[:MAX_NAMES])
    assert said(act(staff, "cancel_rsvps", *rsvps)) == [
        f"{names} and {30 - MAX_NAMES} more: This event is over, so nothing can be changed now."
    ]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_export_without_guests_shows_message_instead_of_file(staff, kind):
    response = act(staff, f"guests_{kind}", cancelled(factories.event()))
    assert said(response) == [
        "There is no guest to list. Who cancelled is listed only when you filter by a cancelled state."
    ]


def test_export_skips_deleted_rsvp_and_says_so_on_the_next_page(staff):
    event = factories.event()
    gone, stays = factories.rsvp(event, "Gone"), factories.rsvp(event, "Stays")
    seats.delete_rsvp(gone)
    file = staff.post(RSVPS, {"action": "guests_csv", "_selected_action": [gone.pk, stays.pk]})
    rows = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()
    assert [row.split(",")[2] for row in rows if "Stays" in row or "Gone" in row] == ["Stays"]
    assert said(staff.get(RSVPS)) == [GONE]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_guests_of_past_event_can_be_exported(staff, kind):
    event = factories.event()
    rsvp = factories.rsvp(event)
    factories.end_event(event)
    file = act(staff, f"guests_{kind}", rsvp)
    assert len(b"".join(file.streaming_content)) > 100
    assert file["Content-Disposition"].endswith(f'.{kind}"')
    file.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_promotions_give_the_last_seat_once():
    event = factories.event(capacity=1)
    factories.rsvp(event, "Seated")
    waits = [factories.rsvp(event, "First"), factories.rsvp(event, "Second")]
    factories.stop_promotion(event)
    seats.cancel(event.rsvps.get(name="Seated"))
    staff = [Client(), Client()]
    for number, client in enumerate(staff):
        client.force_login(User.objects.create_superuser(f"staff {number}"))
    pages = at_once(  # each one's words: what a test client knows besides is mixed up between threads
        [
            lambda c=client, r=rsvp: web_client.page_text(act(c, "promote_rsvps", r))
            for client, rsvp in zip(staff, waits, strict=True)
        ]
    )
    lost = event.rsvps.get(waitlisted_seats=1)
    for sentence in ("1 RSVP was seated.", f"RSVP {lost.code}: No seat is free right now."):
        assert sum(sentence in page for page in pages) == 1
    assert sorted(row[1:] for row in snapshots.seats(event)) == [(0, 0), (0, 1), (1, 0)]
    assert sum(email.startswith("promoted") for email in snapshots.emails()) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_concurrent_moves_to_waitlist_happen_once():
    event = factories.event(capacity=2)
    rsvp = factories.rsvp(event, size=2)
    factories.rsvp(event, "Waits")
    answers = at_once([lambda: seats.apply_to_many(seats.move_to_waitlist, [rsvp])[0][1]] * 4)
    assert sorted(answers) == [False, False, False, True]
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "waitlisted 2 CANCEL"]


# Events -----------------------------------------------------------------------------------------------------------


def test_canceling_an_event_again_changes_nothing(staff):
    event = factories.event()
    rsvp = factories.rsvp(event)
    assert said(act(staff, "cancel_events", event, to=EVENTS, sure="yes")) == ["1 event was called off."]
    before = snapshots.tables(but=KEPT)
    assert said(act(staff, "cancel_events", event, to=EVENTS, sure="yes")) == [
        "1 event was called off before; nobody is written to again."
    ]
    assert snapshots.tables(but=KEPT) == before
    factories.notify_guests()
    assert snapshots.emails(rsvp) == ["confirmed 1 REQUEST", "event_canceled 2 CANCEL"]


def test_canceling_event_that_ended_during_confirmation_is_refused(staff):
    event, other = factories.event(), factories.event()
    factories.rsvp(event)
    act(staff, "cancel_events", event, other, to=EVENTS)
    factories.end_event(event)
    letters = snapshots.emails()
    assert said(act(staff, "cancel_events", event, other, to=EVENTS, sure="yes")) == [
        "1 event was called off.",
        f"{Event.objects.get(pk=event.pk)}: This event is over, so it cannot be cancelled.",
    ]
    assert snapshots.emails() == letters


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"sure": "yes"}])
def test_canceling_deleted_event_says_so(staff, more):
    event = factories.event()
    pk = event.pk
    event.delete()
    assert said(act(staff, "cancel_events", pk, to=EVENTS, **more)) == [GONE]


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
    page = web_client.page_text(act(staff, "delete_selected", event, to=EVENTS, post="yes"))
    assert "would require deleting the following protected related objects" in page
    assert Event.objects.count() == 1


# Messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_resend_handles_repeated_request_and_deleted_message(staff):
    rsvp = factories.rsvp(factories.event())
    Message.objects.update(state="rejected", last_error="550 no")
    message = Message.objects.get()
    assert said(act(staff, "resend", message, to=MESSAGES)) == ["1 message will be sent again."]
    assert said(act(staff, "resend", message, to=MESSAGES)) == ["1 message is on its way already."]
    seats.delete_rsvp(rsvp)
    assert said(act(staff, "resend", message, to=MESSAGES)) == [GONE]
    assert "doesn’t exist" in web_client.page_text(
        staff.post(f"{MESSAGES}{message.pk}/change/", {"_resend": "1"}, follow=True)
    )
