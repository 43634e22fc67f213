"""Two people on one RSVP or one event: the second is shown what the first did, and loses nothing typed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from summit import seats
from summit.models import Event, Guest, Rsvp
from tests import factories, snapshots, web_client

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HERE = "Nothing is saved yet, and what you typed is still here."
KEPT = ("accounts.StaffSession",)


def page_of(thing: Rsvp | Event) -> str:
    return f"/imagine/admin/summit/{thing._meta.model_name}/{thing.pk}/change/"


def opened(staff, thing: Rsvp | Event) -> dict[str, str]:
    """The page as one of them has it open, to be sent later."""
    return web_client.form_fields(staff.get(page_of(thing)))


def save(staff, thing: Rsvp | Event, sent: dict[str, str]):
    return staff.post(page_of(thing), sent)


def complaints(response) -> dict[str, list[str]]:
    """The sentences of a form that came back, and of its guests', by the field's name."""
    forms = [("", response.context["adminform"].form)]
    for inline in response.context["inline_admin_formsets"]:
        forms += [(f"{place}-", form) for place, form in enumerate(inline.formset.forms)]
    return {f"{where}{name}": list(said) for where, form in forms for name, said in form.errors.items()}


def notes(response) -> list[str]:
    """What stands above a form that came back; such a page asks nobody to correct anything."""
    page = response.content.decode()
    assert "errornote" not in page
    assert not web_client.page_title(page).startswith("Error:")
    return response.context["notes"]


def needs(rsvp: Rsvp) -> list[tuple[str, str]]:
    return list(rsvp.guests.order_by("position").values_list("name", "dietary_needs"))


@pytest.fixture
def party(db) -> Rsvp:
    """Three of ten seats: Alma, Ben, and one without a name."""
    return factories.rsvp(factories.event(), size=3, guests=("Ben",), phone="1")


# One field --------------------------------------------------------------------------------------------------------


def test_field_changed_by_both_shows_conflict_and_is_saved_on_resubmit(staff, party):
    mine = opened(staff, party)
    save(staff, party, opened(staff, party) | {"phone": "2", "organization_name": "Delta Bakery"})
    before = snapshots.tables(but=KEPT)
    page = save(staff, party, mine | {"phone": "3", "note": "Mine"})
    assert snapshots.tables(but=KEPT) == before
    said = "Somebody changed this to “2” while you had it open. Save once more to keep yours."
    assert complaints(page) == {"phone": [said]}
    assert notes(page) == [f"Somebody else saved while you had this open. {HERE}"]
    assert said in web_client.page_text(page)
    again = web_client.form_fields(page)
    assert (again["phone"], again["note"], again["organization_name"]) == ("3", "Mine", "Delta Bakery")
    assert save(staff, party, again).status_code == 302
    party.refresh_from_db()
    assert (party.phone, party.note, party.organization_name) == ("3", "Mine", "Delta Bakery")


def test_fields_changed_only_by_the_other_editor_are_kept(staff, party):
    mine = opened(staff, party)
    save(staff, party, opened(staff, party) | {"phone": "2", "accepts_partial": "on", "sector": "labor"})
    assert save(staff, party, mine | {"note": "Mine"}).status_code == 302
    party.refresh_from_db()
    assert (party.phone, party.note, party.accepts_partial, party.sector) == ("2", "Mine", True, "labor")


def test_form_with_errors_shows_changes_by_the_other_editor(staff, party):
    mine = opened(staff, party)
    save(staff, party, opened(staff, party) | {"phone": "2", "accepts_partial": "on", "sector": "labor"})
    response = save(staff, party, mine | {"note": "Mine", "name": ""})
    assert "errornote" in response.content.decode()
    page = web_client.form_fields(response)
    assert (page["phone"], page["accepts_partial"], page["sector"], page["note"]) == ("2", "on", "labor", "Mine")
    save(staff, party, page | {"name": "Alma R."})
    party.refresh_from_db()
    assert (party.name, party.phone, party.accepts_partial, party.note) == ("Alma R.", "2", True, "Mine")


def test_form_with_errors_shows_checkbox_cleared_by_the_other_editor(staff, party):
    seats.set_accepts_partial(party, True)
    mine = opened(staff, party)
    seats.set_accepts_partial(party, False)
    page = web_client.form_fields(save(staff, party, mine | {"name": ""}))
    assert "accepts_partial" not in page
    save(staff, party, page | {"name": "Alma R."})
    party.refresh_from_db()
    assert party.accepts_partial is False


# Guests -----------------------------------------------------------------------------------------------------------


def test_guest_named_by_the_other_editor_keeps_the_name(staff, party):
    mine = opened(staff, party)
    chi = party.guests.last()
    seats.update_guests(party, {chi.pk: {"name": "Chi", "dietary_needs": "no nuts", "accessibility_needs": ""}})
    assert save(staff, party, mine | {"guests-1-dietary_needs": "vegan"}).status_code == 302
    assert needs(party) == [("Alma Reyes", ""), ("Ben", "vegan"), ("Chi", "no nuts")]


def test_guest_field_changed_by_both_shows_conflict_on_that_guest(staff, party):
    mine = opened(staff, party)
    ben = party.guests.get(name="Ben")
    seats.update_guests(party, {ben.pk: {"dietary_needs": "no nuts"}})
    page = save(staff, party, mine | {"guests-1-dietary_needs": "vegan", "phone": "2"})
    said = "Somebody changed this to “no nuts” while you had it open. Save once more to keep yours."
    assert complaints(page) == {"1-dietary_needs": [said]}
    assert needs(party)[1] == ("Ben", "no nuts")
    again = web_client.form_fields(page)
    assert (again["guests-1-dietary_needs"], again["phone"]) == ("vegan", "2")
    assert save(staff, party, again).status_code == 302
    party.refresh_from_db()
    assert (needs(party)[1], party.phone) == (("Ben", "vegan"), "2")


# The party itself -------------------------------------------------------------------------------------------------


def test_guest_added_in_the_meantime_is_shown_and_input_is_kept(staff, party):
    mine = opened(staff, party)
    seats.change_party_size(party, size=4)
    dee = party.guests.last()
    seats.update_guests(party, {dee.pk: {"name": "Dee", "dietary_needs": "halal"}})
    before = snapshots.tables(but=KEPT)
    page = save(staff, party, mine | {"phone": "2", "guests-1-dietary_needs": "vegan", "guests-2-name": "Chi"})
    assert snapshots.tables(but=KEPT) == before
    assert complaints(page) == {
        "__all__": [
            f"The party changed while you had it open. {HERE}",
            "It holds 4 seats now and waits for 0.",
            "New in the party: Dee.",
            "Save once more when it is right.",
        ]
    }
    assert notes(page) == complaints(page)["__all__"]
    again = web_client.form_fields(page)
    assert (again["size"], again["phone"]) == ("4", "2")
    assert [again[f"guests-{row}-name"] for row in range(4)] == ["Alma Reyes", "Ben", "Chi", "Dee"]
    assert [again[f"guests-{row}-dietary_needs"] for row in range(4)] == ["", "vegan", "", "halal"]
    assert save(staff, party, again).status_code == 302
    party.refresh_from_db()
    assert (party.held_seats, party.phone) == (4, "2")
    assert needs(party) == [("Alma Reyes", ""), ("Ben", "vegan"), ("Chi", ""), ("Dee", "halal")]


def test_input_for_a_removed_guest_is_shown(staff, party):
    mine = opened(staff, party)
    seats.remove_guest(party, party.guests.get(name="Ben").pk)
    page = save(staff, party, mine | {"guests-1-dietary_needs": "vegan", "guests-2-name": "Chi", "note": "Mine"})
    assert complaints(page) == {
        "__all__": [
            f"The party changed while you had it open. {HERE}",
            "It holds 2 seats now and waits for 0.",
            "Not in the party any more: Ben.",
            "For them you had typed: vegan.",
            "Save once more when it is right.",
        ]
    }
    again = web_client.form_fields(page)
    assert (again["size"], again["guests-1-name"], again["note"]) == ("2", "Chi", "Mine")
    assert "guests-2-name" not in again
    assert save(staff, party, again).status_code == 302
    assert needs(party) == [("Alma Reyes", ""), ("Chi", "")]


def test_size_changed_by_both_shows_conflict_and_is_saved_on_resubmit(staff, party):
    mine = opened(staff, party)
    seats.change_party_size(party, size=2)
    page = save(staff, party, mine | {"size": "5"})
    assert complaints(page)["size"] == [
        "Somebody changed this to “2” while you had it open. Save once more to keep yours."
    ]
    assert snapshots.seats(party.event) == [("Alma Reyes", 2, 0)]
    assert save(staff, party, web_client.form_fields(page)).status_code == 302
    assert snapshots.seats(party.event) == [("Alma Reyes", 5, 0)]


def test_promotion_in_the_meantime_shows_current_seats(staff):
    event = factories.event(capacity=1)
    first, waits = factories.rsvp(event, "First"), factories.rsvp(event)
    mine = opened(staff, waits)
    seats.cancel(first)
    page = save(staff, waits, mine | {"note": "Mine"})
    assert "It holds 1 seat now and waits for 0." in complaints(page)["__all__"]
    assert save(staff, waits, web_client.form_fields(page)).status_code == 302
    assert Rsvp.objects.get(pk=waits.pk).note == "Mine"


def test_cancellation_in_the_meantime_is_shown_and_other_input_is_kept(staff, party):
    mine = opened(staff, party)
    seats.cancel(party)
    page = save(staff, party, mine | {"size": "5", "note": "Mine", "guests-1-dietary_needs": "vegan"})
    assert "It is cancelled now." in complaints(page)["__all__"]
    assert save(staff, party, web_client.form_fields(page)).status_code == 302
    party.refresh_from_db()
    assert (party.status, party.note, needs(party)[1]) == ("canceled", "Mine", ("Ben", "vegan"))


def test_reinstatement_in_the_meantime_is_shown_and_input_is_kept(staff, party):
    seats.cancel(party)
    mine = opened(staff, party)
    seats.reinstate(party, size=2)
    page = save(staff, party, mine | {"note": "Mine"})
    assert "It holds 2 seats now and waits for 0." in complaints(page)["__all__"]
    again = web_client.form_fields(page)
    assert again["size"] == "2"
    assert save(staff, party, again).status_code == 302
    assert Rsvp.objects.get().note == "Mine"


def test_each_further_party_change_is_shown_again(staff, party):
    page = save(staff, party, opened(staff, party))
    assert page.status_code == 302
    mine = opened(staff, party) | {"note": "Mine"}
    for size in (4, 2):
        seats.change_party_size(party, size=size)
        page = save(staff, party, mine)
        assert f"It holds {size} seats now and waits for 0." in complaints(page)["__all__"]
        mine = web_client.form_fields(page)
    assert save(staff, party, mine).status_code == 302
    assert (Rsvp.objects.get().note, Guest.objects.count()) == ("Mine", 2)


def test_saving_rsvp_deleted_in_the_meantime_says_so(staff, party):
    mine = opened(staff, party)
    seats.delete_rsvp(party)
    page = staff.post(page_of(party), mine, follow=True)
    assert "doesn’t exist" in web_client.page_text(page)


def test_rsvp_deleted_while_saving_says_so(staff, party, monkeypatch):
    mine = opened(staff, party)
    lock_party = seats.lock_rsvp

    def too_late(rsvp):
        Rsvp.objects.filter(pk=rsvp.pk).delete()
        return lock_party(rsvp)

    monkeypatch.setattr(seats, "lock_rsvp", too_late)
    assert "doesn’t exist" in web_client.page_text(staff.post(page_of(party), mine, follow=True))


def test_tampered_form_data_causes_no_error_and_overwrites_nothing(subtests, staff, party):
    before = (snapshots.seats(party.event), needs(party))
    mine = opened(staff, party)
    for sent in [
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
        with subtests.test(sent=sent):
            assert save(staff, party, mine | sent).status_code in {200, 302}
            assert (snapshots.seats(party.event), needs(party)) == before


def test_form_with_thousands_of_guests_overwrites_nothing(staff, party):
    before = (snapshots.seats(party.event), needs(party))
    assert save(staff, party, opened(staff, party) | {"guests-TOTAL_FORMS": "2000"}).status_code in {200, 302}
    assert (snapshots.seats(party.event), needs(party)) == before


def test_guest_of_another_party_is_not_changed(staff, party):
    other = factories.rsvp(factories.event(), "Other")
    stranger = other.guests.get()
    sent = opened(staff, party) | {"guests-1-id": str(stranger.pk), "guests-1-name": "Eve"}
    save(staff, party, sent)
    assert needs(other) == [("Other", "")]


def test_page_query_count_is_the_same_for_2_and_6_guests(staff, django_assert_num_queries):
    event = factories.event(capacity=20)
    small, large = factories.rsvp(event, "Small", size=2), factories.rsvp(event, "Large", size=6)
    opened(staff, small)
    with CaptureQueriesContext(connection) as queries:
        opened(staff, small)
    with django_assert_num_queries(len(queries)):
        opened(staff, large)


# An event ---------------------------------------------------------------------------------------------------------


def test_event_field_changed_by_both_shows_conflict_and_keeps_other_edits(staff):
    event = factories.event(capacity=10)
    mine = opened(staff, event)
    save(staff, event, opened(staff, event) | {"capacity": "12", "venue": "Weber Point", "ends_at_1": "23:30:15"})
    page = save(staff, event, mine | {"capacity": "20"})
    said = "Somebody changed this to “12” while you had it open. Save once more to keep yours."
    assert complaints(page) == {"capacity": [said]}
    assert Event.objects.values_list("capacity", "venue").get() == (12, "Weber Point")
    again = web_client.form_fields(page)
    assert (again["venue"], again["ends_at_1"], again["capacity"]) == ("Weber Point", "23:30:15", "20")
    assert save(staff, event, again).status_code == 302
    assert Event.objects.values_list("capacity", "venue").get() == (20, "Weber Point")


def test_event_time_changed_by_both_shows_conflict(staff):
    event = factories.event()
    mine = opened(staff, event)
    save(staff, event, opened(staff, event) | {"ends_at_1": "23:30:00"})
    page = save(staff, event, mine | {"ends_at_1": "23:45:00"})
    (said,) = complaints(page)["ends_at"]
    assert "23:30” while you had it open." in said
    assert save(staff, event, web_client.form_fields(page)).status_code == 302


# What no page sends -----------------------------------------------------------------------------------------------


def test_nested_json_in_the_hidden_field_is_ignored(staff, party):
    for thing in (party, party.event):
        mine = opened(staff, thing) | {"shown": "[" * 100_000, "guests-0-shown": '{"name":' * 50_000}
        assert save(staff, thing, mine).status_code in {200, 302}


def test_huge_guest_form_count_is_limited_and_changes_nothing(staff, party):
    before = snapshots.tables(but=KEPT)
    sent = {"guests-TOTAL_FORMS": "2147483648", "guests-INITIAL_FORMS": "0"}
    mine = {name: value for name, value in opened(staff, party).items() if not name.startswith("guests-")}
    response = save(staff, party, mine | sent)
    assert response.status_code == 200
    [inline] = response.context["inline_admin_formsets"]
    assert len(inline.formset.forms) <= 23
    assert snapshots.tables(but=KEPT) == before
