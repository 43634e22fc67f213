"""Private links that were lost or leaked."""

import pytest

from imagine.models import Message
from summit import links
from tests import make

pytestmark = pytest.mark.django_db


def test_replaced_link_opens_and_the_old_one_does_not(client):
    rsvp = make.rsvp(make.event())
    old = rsvp.get_absolute_url()
    rsvp = links.replace(rsvp)
    assert client.get(old).status_code == 404
    assert client.get(rsvp.get_absolute_url()).status_code == 200


def test_replaced_link_is_mailed_at_once_although_another_went_out_just_now():
    rsvp = make.rsvp(make.event())
    links.mail_link(rsvp)
    rsvp = links.replace(rsvp)
    message = Message.objects.about(f"rsvp:{rsvp.pk}:new_link").get()
    assert message.to == "alma.reyes@example.org"
    assert rsvp.get_absolute_url() in message.text


def test_replacing_forgets_the_browser_that_made_the_rsvp():
    rsvp = make.rsvp(make.event(), browser="abc")
    links.replace(rsvp)
    rsvp.refresh_from_db()
    assert rsvp.browser == ""
