"""Pledging needs no seat or attendance; canceling a seat never changes a promise, and vice versa."""

import pytest

from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from summit import seats
from summit.models import Rsvp
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def test_canceling_or_deleting_an_rsvp_leaves_the_pledge_unchanged():
    rsvp = factories.rsvp(
        factories.event(), "Alma Reyes", email=factories.EMAIL, organization_name=factories.ORGANIZATION, size=2
    )
    factories.pledge_year()
    request = factories.unsaved_pledge_request(rsvp.organization_name, rsvp.email, source=f"rsvp:{rsvp.pk}")
    token = pledge_signup.open_pledge_request(request).token
    pledge = pledge_editing.sign_pledge(
        token, **factories.pledge_data(token, factories.promise_data()), name="Alma Reyes"
    )
    unchanged = (snapshots.pledges(), snapshots.promises(pledge), snapshots.organizations())
    seats.cancel(rsvp)
    assert (snapshots.pledges(), snapshots.promises(pledge), snapshots.organizations()) == unchanged
    seats.delete_rsvp(rsvp)
    assert (snapshots.pledges(), snapshots.promises(pledge), snapshots.organizations()) == unchanged
    assert page_state.load_page_state(token).pledge == pledge


def test_pledge_needs_no_rsvp():
    factories.signed_pledge()
    assert not Rsvp.objects.exists()
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "signed", 1)]


def test_signing_or_deleting_a_pledge_leaves_seats_unchanged():
    event = factories.event()
    factories.rsvp(event, "Alma Reyes", email=factories.EMAIL, organization_name=factories.ORGANIZATION, size=2)
    pledge = factories.signed_pledge()
    pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 9)), name="Alma Reyes"
    )
    factories.close_year()
    pledge_editing.delete_pledge(pledge)
    assert snapshots.seats(event) == [("Alma Reyes", 2, 0)]
