"""Pledging needs no seat and no attendance; cancelling a seat never touches a promise, and the other way round."""

import pytest

from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from summit import seats
from summit.models import Rsvp
from tests import look as seen
from tests import make as summit
from tests.partners import look, make

pytestmark = pytest.mark.django_db


def test_cancelled_seat_never_touches_a_promise():
    rsvp = summit.rsvp(summit.event(), "Alma Reyes", email=make.EMAIL, organization_name=make.NAME, size=2)
    make.year()
    click = make.unsaved_start(rsvp.organization, rsvp.email, source=f"rsvp:{rsvp.pk}")
    token = pledge_signup.open_for(click).token
    pledge = pledge_editing.sign(token, **make.page(token, make.promised()), name="Alma Reyes")
    kept = (look.pledges(), look.promises(pledge), look.organizations())
    seats.cancel(rsvp)
    assert (look.pledges(), look.promises(pledge), look.organizations()) == kept
    seats.delete(rsvp)
    assert (look.pledges(), look.promises(pledge), look.organizations()) == kept
    assert page_state.find(token).pledge == pledge


def test_pledge_needs_no_seat():
    make.signed()
    assert not Rsvp.objects.exists()
    assert look.pledges() == [("Port Gate Logistics", 2027, "signed", 1)]


def test_pledge_that_is_signed_changed_or_erased_never_touches_a_seat():
    event = summit.event()
    summit.rsvp(event, "Alma Reyes", email=make.EMAIL, organization_name=make.NAME, size=2)
    pledge = make.signed()
    pledge_editing.sign(pledge.token, **make.page(pledge.token, make.promised("tours", 9)), name="Alma Reyes")
    make.closed()
    pledge_editing.delete(pledge)
    assert seen.seats(event) == [("Alma Reyes", 2, 0)]
