"""Two people editing one RSVP or event: the second sees the first one's changes, and keeps what they typed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CHANGED_BY_OTHER = (
    "Someone else saved changes while you were editing. Your changes aren’t saved yet. Review both, then save again."
)
NOT_SAVED = "Nothing is saved yet, and what you typed is still here."
IGNORED_TABLES = ("accounts.StaffSession",)


def change_url(obj: Rsvp | Event) -> str:
    return f"/imagine/admin/summit/{obj._meta.model_name}/{obj.pk}/change/"


def form_data(staff, obj: Rsvp | Event) -> dict[str, str]:
    """Return the form as the page shows it, to be sent later."""
    return web_client.form_fields(staff.get(change_url(obj), {"tab": "settings"}))


def save(staff, obj: Rsvp | Event, data: dict[str, str]):
    return staff.post(change_url(obj), data)


def form_errors(response) -> dict[str, list[str]]:
    """Return the error messages of a form and its inline guests by field name."""
    forms = [("", response.context["adminform"].form)]
    for inline in response.context["inline_admin_formsets"]:
        forms += [(f"{index}-", form) for index, form in enumerate(inline.formset.forms)]
    return {f"{prefix}{name}": list(messages) for prefix, form in forms for name, messages in form.errors.items()}


def notes(response) -> list[str]:
    """Return the messages above a form, which must not ask to correct errors."""
    page = response.content.decode()
    assert "errornote" not in page
    assert not web_client.page_title(page).startswith("Error:")
    return response.context["notes"]


def needs(rsvp: Rsvp) -> list[tuple[str, str]]:
    return list(rsvp.guests.order_by("position").values_list("name", "dietary_needs"))


@pytest.fixture
def party(db) -> Rsvp:
    """A party with three of ten seats: Alma, Ben, and a guest without a name."""
    return factories.rsvp(factories.event(), size=3, guests=("Ben",), phone="1")


# One field --------------------------------------------------------------------------------------------------------


def test_field_changed_by_both_shows_conflict_and_is_saved_on_resubmit(staff, party):
    own_form = form_data(staff, party)
    save(staff, party, form_data(staff, party) | {"phone": "2", "organization_name": "Delta Bakery"})
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = save(staff, party, own_form | {"phone": "3", "note": "Mine"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    messages = "Someone else changed this to “2” while you were editing. Save again to keep yours."
    assert form_errors(page) == {"phone": [messages]}
    assert notes(page) == [CHANGED_BY_OTHER]
    assert messages in web_client.page_text(page)
    repeated = web_client.form_fields(page)
    assert (repeated["phone"], repeated["note"], repeated["organization_name"]) == ("3", "Mine", "Delta Bakery")
    assert save(staff, party, repeated).status_code == 302
    party.refresh_from_db()
    assert (party.phone, party.note, party.organization_name) == ("3", "Mine", "Delta Bakery")


def test_fields_changed_only_by_the_other_editor_are_kept(staff, party):
    own_form = form_data(staff, party)
    save(staff, party, form_data(staff, party) | {"phone": "2", "accepts_partial": "on", "sector": "labor"})
    assert save(staff, party, own_form | {"note": "Mine"}).status_code == 302
    party.refresh_from_db()
    assert (party.phone, party.note, party.accepts_partial, party.sector) == ("2", "Mine", True, "labor")


def test_form_with_errors_shows_changes_by_the_other_editor(staff, party):
    own_form = form_data(staff, party)
    save(staff, party, form_data(staff, party) | {"phone": "2", "accepts_partial": "on", "sector": "labor"})
    response = save(staff, party, own_form | {"note": "Mine", "name": ""})
    assert "errornote" in response.content.decode()
    page = web_client.form_fields(response)
    assert (page["phone"], page["accepts_partial"], page["sector"], page["note"]) == ("2", "on", "labor", "Mine")
    save(staff, party, page | {"name": "Alma R."})
    party.refresh_from_db()
    assert (party.name, party.phone, party.accepts_partial, party.note) == ("Alma R.", "2", True, "Mine")


def test_form_with_errors_shows_checkbox_cleared_by_the_other_editor(staff, party):
    seats.set_accepts_partial(party, True)
    own_form = form_data(staff, party)
    seats.set_accepts_partial(party, False)
    page = web_client.form_fields(save(staff, party, own_form | {"name": ""}))
    assert "accepts_partial" not in page
    save(staff, party, page | {"name": "Alma R."})
    party.refresh_from_db()
    assert party.accepts_partial is False


# Guests -----------------------------------------------------------------------------------------------------------


def test_guest_named_by_the_other_editor_keeps_the_name(staff, party):
    own_form = form_data(staff, party)
    chi = party.guests.last()
    seats.update_guests(party, {chi.pk: {"name": "Chi", "dietary_needs": "no nuts", "accessibility_needs": ""}})
    assert save(staff, party, own_form | {"guests-1-dietary_needs": "vegan"}).status_code == 302
    assert needs(party) == [("Alma Reyes", ""), ("Ben", "vegan"), ("Chi", "no nuts")]


def test_guest_field_changed_by_both_shows_conflict_on_that_guest(staff, party):
    own_form = form_data(staff, party)
    ben = party.guests.get(name="Ben")
    seats.update_guests(party, {ben.pk: {"dietary_needs": "no nuts"}})
    page = save(staff, party, own_form | {"guests-1-dietary_needs": "vegan", "phone": "2"})
    messages = "Someone else changed this to “no nuts” while you were editing. Save again to keep yours."
    assert form_errors(page) == {"1-dietary_needs": [messages]}
    assert needs(party)[1] == ("Ben", "no nuts")
    repeated = web_client.form_fields(page)
    assert (repeated["guests-1-dietary_needs"], repeated["phone"]) == ("vegan", "2")
    assert save(staff, party, repeated).status_code == 302
    party.refresh_from_db()
    assert (needs(party)[1], party.phone) == (("Ben", "vegan"), "2")


# The party itself -------------------------------------------------------------------------------------------------


def test_guest_added_in_the_meantime_is_shown_and_input_is_kept(staff, party):
    own_form = form_data(staff, party)
    seats.change_party_size(party, size=4)
    dee = party.guests.last()
    seats.update_guests(party, {dee.pk: {"name": "Dee", "dietary_needs": "halal"}})
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = save(staff, party, own_form | {"phone": "2", "guests-1-dietary_needs": "vegan", "guests-2-name": "Chi"})
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
    assert form_errors(page) == {
        "__all__": [
            "Someone else changed this party while you were editing. Your changes aren’t saved yet.",
            "The party now has 4 confirmed seats and 0 on the waitlist.",
            "Added to the party: Dee.",
            "Review the changes, then save again.",
        ]
    }
    assert notes(page) == form_errors(page)["__all__"]
    repeated = web_client.form_fields(page)
    assert (repeated["size"], repeated["phone"]) == ("4", "2")
    assert [repeated[f"guests-{row}-name"] for row in range(4)] == ["Alma Reyes", "Ben", "Chi", "Dee"]
    assert [repeated[f"guests-{row}-dietary_needs"] for row in range(4)] == ["", "vegan", "", "halal"]
    assert save(staff, party, repeated).status_code == 302
    party.refresh_from_db()
    assert (party.held_seats, party.phone) == (4, "2")
    assert needs(party) == [("Alma Reyes", ""), ("Ben", "vegan"), ("Chi", ""), ("Dee", "halal")]


def test_input_for_a_removed_guest_is_shown(staff, party):
    own_form = form_data(staff, party)
    seats.remove_guest(party, party.guests.get(name="Ben").pk)
    page = save(staff, party, own_form | {"guests-1-dietary_needs": "vegan", "guests-2-name": "Chi", "note": "Mine"})
    assert form_errors(page) == {
        "__all__": [
            "Someone else changed this party while you were editing. Your changes aren’t saved yet.",
            "The party now has 2 confirmed seats and 0 on the waitlist.",
            "Removed from the party: Ben.",
            "You had entered for this guest: vegan.",
            "Review the changes, then save again.",
        ]
    }
    repeated = web_client.form_fields(page)
    assert (repeated["size"], repeated["guests-1-name"], repeated["note"]) == ("2", "Chi", "Mine")
    assert "guests-2-name" not in repeated
    assert save(staff, party, repeated).status_code == 302
    assert needs(party) == [("Alma Reyes", ""), ("Chi", "")]


def test_size_changed_by_both_shows_conflict_and_is_saved_on_resubmit(staff, party):
    own_form = form_data(staff, party)
    seats.change_party_size(party, size=2)
    page = save(staff, party, own_form | {"size": "5"})
    assert form_errors(page)["size"] == [
        "Someone else changed this to “2” while you were editing. Save again to keep yours."
    ]
    assert snapshots.seats(party.event) == [("Alma Reyes", 2, 0)]
    assert save(staff, party, web_client.form_fields(page)).status_code == 302
    assert snapshots.seats(party.event) == [("Alma Reyes", 5, 0)]


def test_promotion_in_the_meantime_shows_current_seats(staff):
    event = factories.event(capacity=1)
    first, waitlisted = factories.rsvp(event, "First"), factories.rsvp(event)
    own_form = form_data(staff, waitlisted)
    seats.cancel(first)
    page = save(staff, waitlisted, own_form | {"note": "Mine"})
    assert "The party now has 1 confirmed seat and 0 on the waitlist." in form_errors(page)["__all__"]
    assert save(staff, waitlisted, web_client.form_fields(page)).status_code == 302
    assert Rsvp.objects.get(pk=waitlisted.pk).note == "Mine"


def test_cancellation_in_the_meantime_is_shown_and_other_input_is_kept(staff, party):
    own_form = form_data(staff, party)
    seats.cancel(party)
    page = save(staff, party, own_form | {"size": "5", "note": "Mine", "guests-1-dietary_needs": "vegan"})
    assert "The RSVP is now canceled." in form_errors(page)["__all__"]
    assert save(staff, party, web_client.form_fields(page)).status_code == 302
    party.refresh_from_db()
    assert (party.status, party.note, needs(party)[1]) == ("canceled", "Mine", ("Ben", "vegan"))


def test_reinstatement_in_the_meantime_is_shown_and_input_is_kept(staff, party):
    seats.cancel(party)
    own_form = form_data(staff, party)
    seats.reinstate(party, size=2)
    page = save(staff, party, own_form | {"note": "Mine"})
    assert "The party now has 2 confirmed seats and 0 on the waitlist." in form_errors(page)["__all__"]
    repeated = web_client.form_fields(page)
    assert repeated["size"] == "2"
    assert save(staff, party, repeated).status_code == 302
    assert Rsvp.objects.get().note == "Mine"


def test_each_further_party_change_is_shown_again(staff, party):
    page = save(staff, party, form_data(staff, party))
    assert page.status_code == 302
    own_form = form_data(staff, party) | {"note": "Mine"}
    for size in (4, 2):
        seats.change_party_size(party, size=size)
        page = save(staff, party, own_form)
        assert f"The party now has {size} confirmed seats and 0 on the waitlist." in form_errors(page)["__all__"]
        own_form = web_client.form_fields(page)
    assert save(staff, party, own_form).status_code == 302
    assert (Rsvp.objects.get().note, Guest.objects.count()) == ("Mine", 2)


def test_saving_rsvp_deleted_in_the_meantime_says_so(staff, party):
    own_form = form_data(staff, party)
    seats.delete_rsvp(party)
    page = staff.post(change_url(party), own_form, follow=True)
    assert "doesn’t exist" in web_client.page_text(page)


def test_rsvp_deleted_while_saving_says_so(staff, party, monkeypatch):
    own_form = form_data(staff, party)
    lock_party = seats.lock_rsvp

    def lock_after_change(rsvp):
        Rsvp.objects.filter(pk=rsvp.pk).delete()
        return lock_party(rsvp)

    monkeypatch.setattr(seats, "lock_rsvp", lock_after_change)
    assert "doesn’t exist" in web_client.page_text(staff.post(change_url(party), own_form, follow=True))


def test_tampered_form_data_causes_no_error_and_overwrites_nothing(subtests, staff, party):
    before = (snapshots.seats(party.event), needs(party))
    own_form = form_data(staff, party)
    for data in [
        {"shown": ""},
        {"shown": "[]"},
        {"shown": "{"},
        {"guests-0-shown": "null"},
        {"guests-TOTAL_FORMS": "x"},
        {"guests-TOTAL_FORMS": "1"},
        {"guests-1-id": "x"},
        {"guests-1-id": ""},
        {"guests-1-id": "999999"},
        {"guests-1-id": "9" * 30},
    ]:
        with subtests.test(data=data):
            assert save(staff, party, own_form | data).status_code in {200, 302}
            assert (snapshots.seats(party.event), needs(party)) == before


def test_form_with_thousands_of_guests_overwrites_nothing(staff, party):
    before = (snapshots.seats(party.event), needs(party))
    assert save(staff, party, form_data(staff, party) | {"guests-TOTAL_FORMS": "2000"}).status_code in {200, 302}
    assert (snapshots.seats(party.event), needs(party)) == before


def test_guest_of_another_party_is_not_changed(staff, party):
    other = factories.rsvp(factories.event(), "Other")
    other_guest = other.guests.get()
    data = form_data(staff, party) | {"guests-1-id": str(other_guest.pk), "guests-1-name": "Eve"}
    save(staff, party, data)
    assert needs(other) == [("Other", "")]


def test_page_query_count_is_the_same_for_2_and_6_guests(staff, django_assert_num_queries):
    event = factories.event(capacity=20)
    small, large = factories.rsvp(event, "Small", size=2), factories.rsvp(event, "Large", size=6)
    form_data(staff, small)
    with CaptureQueriesContext(connection) as queries:
        form_data(staff, small)
    with django_assert_num_queries(len(queries)):
        form_data(staff, large)


# An event ---------------------------------------------------------------------------------------------------------


def test_event_field_changed_by_both_shows_conflict_and_keeps_other_edits(staff):
    event = factories.event(capacity=10)
    own_form = form_data(staff, event)
    save(staff, event, form_data(staff, event) | {"capacity": "12", "venue": "Weber Point", "ends_at_1": "23:30"})
    page = save(staff, event, own_form | {"capacity": "20"})
    messages = "Someone else changed this to “12” while you were editing. Save again to keep yours."
    assert form_errors(page) == {"capacity": [messages]}
    assert Event.objects.values_list("capacity", "venue").get() == (12, "Weber Point")
    repeated = web_client.form_fields(page)
    assert (repeated["venue"], repeated["ends_at_1"], repeated["capacity"]) == (
        "Weber Point",
        "11:30\N{NO-BREAK SPACE}p.m.",
        "20",
    )
    assert save(staff, event, repeated).status_code == 302
    assert Event.objects.values_list("capacity", "venue").get() == (20, "Weber Point")


def test_event_time_changed_by_both_shows_conflict(staff):
    event = factories.event()
    own_form = form_data(staff, event)
    save(staff, event, form_data(staff, event) | {"ends_at_1": "23:30:00"})
    page = save(staff, event, own_form | {"ends_at_1": "23:45:00"})
    (messages,) = form_errors(page)["ends_at"]
    assert "11:30\N{NO-BREAK SPACE}p.m.” while you were editing." in messages
    assert save(staff, event, web_client.form_fields(page)).status_code == 302


# What no page sends -----------------------------------------------------------------------------------------------


def test_nested_json_in_the_hidden_field_is_ignored(staff, party):
    for obj in (party, party.event):
        own_form = form_data(staff, obj) | {"shown": "[" * 100_000, "guests-0-shown": '{"name":' * 50_000}
        assert save(staff, obj, own_form).status_code in {200, 302}


def test_huge_guest_form_count_is_limited_and_changes_nothing(staff, party):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    data = {"guests-TOTAL_FORMS": "2147483648", "guests-INITIAL_FORMS": "0"}
    own_form = {name: value for name, value in form_data(staff, party).items() if not name.startswith("guests-")}
    response = save(staff, party, own_form | data)
    assert response.status_code == 200
    [inline] = response.context["inline_admin_formsets"]
    assert len(inline.formset.forms) <= 23
    assert snapshots.tables(exclude=IGNORED_TABLES) == before
