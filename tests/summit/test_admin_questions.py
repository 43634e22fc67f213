"""The page that asks before an admin action changes rows: how many, who, what is emailed, who moves up from the
waitlist; and what happens to rows that change before the answer."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from imagine.core.admin.actions import only_reads
from imagine.core.admin.deletion import delete_or_ask
from imagine.core.admin.questions import MAX_ROWS, NAMES_SHOWN
from imagine.mail.models import Message
from partners.models import Contact
from summit import seats
from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client
from tests.summit.test_admin_actions import shown_messages

pytestmark = pytest.mark.django_db

RSVPS, CONTACTS = "/imagine/admin/summit/rsvp/", "/imagine/admin/partners/contact/"
IGNORED_TABLES = ("accounts.StaffSession",)
OWN_PAGES = {
    "cancel_events",
    "publish_events",
    "merge_two",
}  # actions that ask on pages of their own, or change one row


def choose(staff, action: str, *rows, to: str = RSVPS, **more):
    return web_client.run_action(staff, to, action, rows, confirms=False, **more)


def confirm(staff, page, to: str = RSVPS):
    return staff.post(to, web_client.form_fields(page), follow=True)


def full_event() -> tuple[Event, list[Rsvp], Rsvp]:
    """An event with two seated parties, one of them Spanish-speaking, and one that waits."""
    event = factories.event(capacity=2)
    seated = [factories.rsvp(event, "Alma Reyes"), factories.rsvp(event, "Beto Luna", language="es")]
    return event, seated, factories.rsvp(event, "Chue Vang")


def test_every_action_that_changes_rows_asks_first(staff, rf: RequestFactory, admin_user):
    """An action that is neither made with row_action, nor on the list above, fails here."""
    request = rf.post("/")
    request.user = admin_user
    for model, page in admin.site._registry.items():
        if model._meta.app_label in {"auth", "otp_static", "otp_totp"}:
            continue
        for name, (action, _name, _description) in page.get_actions(request).items():
            asks = hasattr(action, "row_action") or action is delete_or_ask
            assert asks or only_reads(action) or name in OWN_PAGES, f"{model.__name__}: {name}"


def test_bulk_cancel_asks_first_with_who_is_emailed_and_who_moves_up(staff):
    """Case staff-bulk-cancel."""
    event, seated, waiting = full_event()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = choose(staff, "cancel_rsvps", *seated)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert page.context["title"] == "Cancel 2 RSVPs?"
    text = web_client.page_text(page)
    assert 'value="Cancel 2 RSVPs"' in web_client.page_html(page)
    for part in (
        "Alma Reyes, 1 seat, Confirmed",
        "1 party moves off the waitlist and gets seats: Chue Vang",
        "2 emails: English (1): Your RSVP",
        "Spanish (1): ",
        "You can restore a canceled RSVP later",
        "Emails can’t be taken back.",
    ):
        assert part in text
    for rsvp in (*seated, waiting):
        assert rsvp.token not in page.content.decode()
    assert shown_messages(confirm(staff, page)) == ["2 RSVPs canceled."]
    assert event.rsvps.get(held_seats=1) == waiting
    assert Message.objects.filter(kind__in=["rsvp_canceled", "rsvp_promoted"]).count() == 3


def test_only_rows_that_would_change_are_counted_and_the_others_are_named(staff):
    _event, [one, other], _waiting = full_event()
    seats.cancel(other)
    page = choose(staff, "cancel_rsvps", one, other)
    assert page.context["title"] == "Cancel 1 RSVP?"
    assert "Selected, but staying as they are 1 needs no change." in web_client.page_text(page)


def test_row_that_changes_before_the_answer_is_left_alone(staff):
    _event, [one, other], _waiting = full_event()
    page = choose(staff, "cancel_rsvps", one, other)
    seats.update_contact(other, name="Beto Luna Cruz")
    assert shown_messages(confirm(staff, page)) == [
        f"RSVP {other.code} changed after you opened the page, so we left it as it is. Select it again to see it as it "
        "is now.",
        "1 RSVP canceled.",
    ]
    assert Rsvp.objects.get(pk=other.pk).canceled_at is None


def test_answering_twice_changes_nothing_more(staff):
    _event, seated, _waiting = full_event()
    page = choose(staff, "cancel_rsvps", *seated)
    confirm(staff, page)
    before = snapshots.tables(exclude=IGNORED_TABLES)
    [message] = shown_messages(confirm(staff, page))
    assert "changed after you opened the page, so we left them as they are" in message
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_row_that_joins_the_list_before_the_answer_is_left_alone(staff):
    """All rows that a filter shows were selected, and another person RSVPs."""
    event, seated, _waiting = full_event()
    page = choose(staff, "cancel_rsvps", seated[0], select_across="1")
    assert page.context["title"] == "Cancel 3 RSVPs?"
    newest = factories.rsvp(event, "Dee Núñez")
    assert shown_messages(confirm(staff, page)) == ["3 RSVPs canceled."]
    assert list(event.rsvps.active()) == [newest]


def test_reason_is_asked_only_by_the_action_that_needs_it(staff):
    _event, _seated, waiting = full_event()
    assert 'name="reason"' not in staff.get(RSVPS).content.decode()
    page = choose(staff, "promote_over_capacity", waiting)
    assert 'name="reason"' in page.content.decode()
    assert "1 email: English (1):" in web_client.page_text(page)


def test_invalid_answers_change_nothing(staff):
    _event, seated, _waiting = full_event()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for sent in (
        "",
        ",",
        "abc",
        f"{seated[0].pk}",
        f"{seated[0].pk}:",
        f"{seated[0].pk}:x",
        "\0:x",
        ":",
        "9" * 30 + ":x",
    ):
        choose(staff, "cancel_rsvps", seated[0], rows_shown=sent)
        assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_thousands_of_contacts_are_deleted_by_name(staff):
    """Case staff-delete-thousands."""
    people = [Contact(name=f"Person {n:04}", email=f"person{n}@example.org") for n in range(2_500)]
    Contact.objects.bulk_create(people)
    factories.contact(factories.organization(), name="Zoe Park", email="zoe@example.org")
    page = choose(staff, "delete_selected", people[0], to=CONTACTS, select_across="1")
    assert page.context["title"] == "Delete 2,501 contacts?"
    text = web_client.page_text(page)
    assert "Person 0000, person0@example.org" in text
    assert f"Show {2_501 - NAMES_SHOWN:,} more" in text
    assert "Zoe Park, zoe@example.org, Port Gate Logistics" in text
    assert "You can’t undo this." in text
    assert len(web_client.form_fields(page)) < 20
    assert shown_messages(confirm(staff, page, CONTACTS)) == ["2,501 contacts deleted."]
    assert not Contact.objects.exists()


def test_more_rows_than_the_limit_are_refused_beforehand(staff, monkeypatch):
    monkeypatch.setattr("imagine.core.admin.questions.MAX_ROWS", 2)
    _event, seated, _waiting = full_event()
    [message] = shown_messages(choose(staff, "cancel_rsvps", seated[0], select_across="1"))
    assert message == "You selected 3 rows. Select at most 2 at a time, for example with a filter."
    assert MAX_ROWS > 2_500


def test_delete_page_of_one_row_names_the_person_and_who_moves_up(staff):
    event, [rsvp, _other], _waiting = full_event()
    page = staff.get(f"{RSVPS}{rsvp.pk}/delete/")
    text = web_client.page_text(page)
    assert "Delete 1 RSVP?" in text
    assert "Alma Reyes, 1 seat, Confirmed" in text
    assert "1 party moves off the waitlist and gets seats: Chue Vang" in text
    assert "This also deletes: 1 guests." in text or "This also deletes: 1 guest" in text
    assert event.rsvps.count() == 3
    assert staff.post(f"{RSVPS}{rsvp.pk}/delete/", web_client.form_fields(page)).status_code == 302
    assert not Rsvp.objects.filter(pk=rsvp.pk).exists()
