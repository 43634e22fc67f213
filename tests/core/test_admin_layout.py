"""What every page of the admin has: its header, and the search box of lists."""

import pytest
from django.test import Client

from tests import factories, web_client

pytestmark = pytest.mark.django_db
LIST = "/imagine/admin/summit/rsvp/?q=Reyes"


@pytest.fixture
def staff(admin_user) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def test_view_site_leads_to_the_landing_page(staff):
    assert '<a href="/imagine/">View site</a>' in web_client.page_html(staff.get("/imagine/admin/"))


def test_header_switches_the_language_and_returns_to_the_page(staff):
    page = web_client.page_html(staff.get(LIST))
    assert '<button name="language" value="es" lang="es">Español</button>' in page
    action = "/imagine/language/?next=/imagine/admin/summit/rsvp/%3Fq%3DReyes"
    assert f'action="{action}"' in page
    switched = staff.post(action, {"language": "es"})
    assert switched["Location"] == LIST
    page = web_client.page_html(staff.get(LIST))
    assert '<html lang="es"' in page
    assert '<button name="language" value="en" lang="en">English</button>' in page


def test_only_pages_with_what_was_entered_ask_before_the_language_is_switched(staff):
    event = factories.event()
    address = f"/imagine/admin/summit/event/{event.pk}/change/?tab=settings"
    opened = staff.get(address)
    assert "data-unsaved" not in opened.content.decode()
    came_back = staff.post(address, web_client.form_fields(opened) | {"venue": ""})
    assert came_back.status_code == 200
    assert "data-unsaved" in came_back.content.decode()


def test_search_box_is_named_and_described(staff):
    page = web_client.page_html(staff.get(LIST))
    assert '<label class="visually-hidden" for="searchbar">Search</label>' in page
    assert '<p class="search-help" id="searchbar-help">' in page
    assert 'id="searchbar" aria-describedby="searchbar-help"' in page


def test_header_and_actions_unfold_on_a_phone(staff):
    factories.rsvp(factories.event())
    page = web_client.page_html(staff.get(LIST))
    assert '<details class="phone-toggle"><summary>Menu</summary></details><div id="user-tools">' in page
    assert '<details class="phone-toggle"><summary>Actions</summary></details><div class="actions">' in page
    assert "phone-toggle" not in web_client.page_html(Client().get("/imagine/admin/login/", follow=True))


def test_cells_of_a_list_are_labeled_with_their_column_and_empty_ones_are_marked(staff):
    event = factories.event()
    factories.rsvp(event, "Reyes <b>")
    page = web_client.page_html(staff.get(LIST))
    assert '<td data-label="Confirmed seats" class="field-held_seats">1</td>' in page
    assert '<td data-empty class="field-organization_name">-</td>' in page
    assert '<th data-label="Name" class="field-name">' in page
    assert "Reyes &lt;b&gt;</a>" in page
    assert '<td class="action-checkbox">' in page


def test_list_of_one_event_has_no_column_for_the_event(staff):
    event = factories.event()
    factories.rsvp(event)
    assert 'data-label="Event"' in web_client.page_html(staff.get(LIST))
    one = web_client.page_html(staff.get(f"/imagine/admin/summit/rsvp/?event__id__exact={event.pk}"))
    assert 'data-label="Event"' not in one
    assert "Alma Reyes" in one
