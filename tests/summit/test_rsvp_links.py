"""Replacing personal links that were lost or leaked."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from imagine.mail.models import Message
from summit import rsvp_links
from summit.models import Rsvp
from tests import factories

pytestmark = pytest.mark.django_db


def test_new_link_opens_and_the_old_one_does_not(client):
    rsvp = factories.rsvp(factories.event())
    old = rsvp.get_absolute_url()
    rsvp = rsvp_links.replace_rsvp_link(rsvp)
    assert client.get(old).status_code == 404
    assert client.get(rsvp.get_absolute_url()).status_code == 200


def test_new_link_is_emailed_at_once_even_if_a_link_was_just_emailed():
    rsvp = factories.rsvp(factories.event())
    rsvp_links.mail_rsvp_link(rsvp)
    rsvp = rsvp_links.replace_rsvp_link(rsvp)
    message = rsvp.messages.filter(kind="rsvp_new_link").get()
    assert message.recipient == "alma.reyes@example.org"
    assert rsvp.get_absolute_url() in message.body_text


def test_replacing_the_link_clears_the_browser_hash():
    rsvp = factories.rsvp(factories.event(), browser_hash="abc")
    rsvp_links.replace_rsvp_link(rsvp)
    rsvp.refresh_from_db()
    assert rsvp.browser_hash == ""


def test_link_is_emailed_once_in_ten_minutes_unless_the_last_was_rejected():
    rsvp = factories.rsvp(factories.event())
    assert [rsvp_links.mail_rsvp_link(rsvp) for _twice in range(2)] == [True, False]
    link_emails = rsvp.messages.filter(kind="rsvp_link")
    link_emails.update(state="rejected")
    assert rsvp_links.mail_rsvp_link(rsvp) is True
    link_emails.update(created_at=timezone.now() - rsvp_links.MIN_INTERVAL)
    assert rsvp_links.mail_rsvp_link(rsvp) is True
    assert link_emails.count() == 3


def test_link_is_emailed_at_most_ten_times_a_day_unless_by_staff():
    rsvp = factories.rsvp(factories.event())
    for _again in range(rsvp_links.MAX_PER_DAY + 3):
        rsvp_links.mail_rsvp_link(rsvp)
        Message.objects.update(created_at=timezone.now() - rsvp_links.MIN_INTERVAL)
    assert rsvp.messages.filter(kind="rsvp_link").count() == rsvp_links.MAX_PER_DAY
    assert rsvp_links.mail_rsvp_link(rsvp, by_staff=True) is True


def test_changing_the_email_sends_the_confirmation_with_a_new_link():
    rsvp = factories.rsvp(factories.event())
    old = rsvp.get_absolute_url()
    rsvp_links.mail_rsvp_link(rsvp)
    rsvp = rsvp_links.change_email(rsvp, "right@example.org")
    message = rsvp.messages.get()
    assert (message.kind, message.recipient, message.ics_method) == ("rsvp_confirmed", "right@example.org", "REQUEST")
    assert rsvp.get_absolute_url() in message.body_text
    assert old not in message.body_text + message.body_html + message.ics


def test_changing_only_the_case_of_the_email_keeps_the_link():
    rsvp = factories.rsvp(factories.event())
    assert rsvp_links.change_email(rsvp, "Alma.Reyes@example.org").token == rsvp.token
    assert rsvp.messages.count() == 1


def test_event_canceled_notice_goes_to_the_changed_email():
    rsvp = factories.rsvp(factories.event())
    Message.objects.update(state="sent", sent_at=timezone.now())
    factories.cancel_event(rsvp.event)
    rsvp_links.change_email(rsvp, "right@example.org")
    queued = rsvp.messages.filter(state="queued").order_by("created_at")
    assert [(message.kind, message.recipient) for message in queued] == [
        ("event_canceled", "right@example.org"),
        ("rsvp_link", "right@example.org"),
    ]


def test_admin_does_not_redirect_staff_to_a_guests_link(client, django_user_model):
    rsvp = factories.rsvp(factories.event())
    client.force_login(django_user_model.objects.create_user("desk", is_staff=True))
    kind = ContentType.objects.get_for_model(Rsvp)
    assert client.get(f"/imagine/admin/r/{kind.pk}/{rsvp.pk}/").status_code == 404


def test_admin_filters_cannot_guess_a_link(client, django_user_model):
    rsvp = factories.rsvp(factories.event())
    client.force_login(django_user_model.objects.create_superuser("staff"))
    for address in (
        f"summit/rsvp/?token__startswith={rsvp.token[:3]}",
        f"mail/message/?body_text__contains={rsvp.token}",
    ):
        assert client.get(f"/imagine/admin/{address}").status_code == 400
