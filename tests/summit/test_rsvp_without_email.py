"""Case staff-guest-without-mail: staff add an RSVP for a caller who has no email address."""

import pytest
from django.test import Client

from imagine.core.models import SecurityEvent
from imagine.mail.models import EmailPreference, Message
from summit import event_changes, rsvp_links, seats
from summit.models import Rsvp
from tests import factories, snapshots, web_client
from tests.summit.test_admin_rsvp import LIST, add, change

pytestmark = pytest.mark.django_db


def without_email(staff, event, name="Alma Reyes", **fields) -> Rsvp:
    assert add(staff, event, name=name, email="", **fields).status_code == 302
    return Rsvp.objects.filter(email="").latest("pk")


def test_no_email_is_written_whatever_happens_to_the_rsvp(staff):
    event = factories.event(capacity=3)
    rsvp = without_email(staff, event, size="2")
    assert (rsvp.held_seats, rsvp.source) == (2, "staff")
    assert "so we won’t email anyone" in web_client.page_text(staff.get(f"{LIST}{rsvp.pk}/change/"))
    seats.change_party_size(rsvp, size=1, by_staff=True)
    seats.cancel(rsvp)
    seats.reinstate(rsvp, by_staff=True)
    rsvp_links.replace_rsvp_link(rsvp)
    event_changes.cancel_event(event)
    factories.notify_guests()
    assert not Message.objects.exists()
    assert not EmailPreference.objects.exists()


def test_several_have_no_address_and_addresses_stay_unique(staff):
    event = factories.event(capacity=9)
    assert without_email(staff, event, "Alma Reyes").pk != without_email(staff, event, "Ben Cho").pk
    factories.rsvp(event, email="chue@example.org")
    response = add(staff, event, name="Chue Vang", email="CHUE@example.org")
    assert "This email already has an RSVP for this event." in web_client.page_text(response)
    assert not Rsvp.objects.with_email("").exists()


def test_an_address_learned_later_gets_the_email(staff):
    rsvp = without_email(staff, factories.event())
    change(staff, rsvp, email="alma@example.org")
    [email] = Message.objects.all()
    assert (email.recipient, email.kind) == ("alma@example.org", "rsvp_confirmed")
    change(staff, Rsvp.objects.get(), email="")
    assert not Message.objects.filter(state="queued").exists()


def test_lists_and_exports_show_it(staff):
    rsvp = without_email(staff, factories.event(), guest_2="Ben Cho", size="2")
    assert "No email address" in web_client.page_text(staff.get(LIST))
    file = b"".join(staff.get(f"{LIST}guests.csv").streaming_content).decode()
    assert "Alma Reyes" in file
    assert "Ben Cho" in file
    response = web_client.run_action(staff, LIST, "resend_links", [rsvp])
    assert "This RSVP has no email address." in web_client.page_text(response)


def test_its_link_is_shown_to_print_and_no_other_is(staff):
    rsvp, other = without_email(staff, factories.event(capacity=9)), factories.rsvp(factories.event())
    assert f'formaction="{LIST}{rsvp.pk}/link/"' in web_client.page_html(staff.get(f"{LIST}{rsvp.pk}/change/"))
    page = staff.post(f"{LIST}{rsvp.pk}/link/")
    assert rsvp.get_absolute_url() in page.content.decode()
    assert SecurityEvent.objects.get(kind="link_shown").about == rsvp
    assert staff.post(f"{LIST}{other.pk}/link/").status_code == 404
    assert staff.get(f"{LIST}{rsvp.pk}/link/").status_code == 405


def test_its_link_proves_no_address(staff):
    rsvp = without_email(staff, factories.event(), size="2")
    guest = Client()
    page = guest.get(rsvp.get_absolute_url())
    assert page.status_code == 200
    assert "Choose your promises" not in web_client.page_text(page)
    guest.post(rsvp.get_absolute_url() + "cancel/")
    assert Rsvp.objects.get().verified_at is None


def test_privacy_page_finds_it_by_name(staff):
    rsvp = without_email(staff, factories.event(), "Élodie Peña")
    find = "/imagine/admin/privacy/erasure/find/"
    assert f"{LIST}{rsvp.pk}/change/" in staff.post(find, {"name": "elodie pena"}).content.decode()
    assert "has this name" in web_client.page_text(staff.post(find, {"name": "Nobody"}))
    staff.post(f"{LIST}{rsvp.pk}/delete/", {"post": "yes"})
    assert "Peña" not in str(snapshots.tables(exclude=("accounts.StaffSession",)))
