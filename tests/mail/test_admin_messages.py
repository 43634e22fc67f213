"""Sent email in the admin: the list, the preview of a message, and resending."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.mail import editable_templates, queue
from imagine.mail.editable_templates import TEMPLATES, TemplateText
from imagine.mail.html_preview import move_styles
from imagine.mail.models import Message
from tests import factories, web_client
from tests.mail.mail_server import new_message
from tests.mail.mailings import mailing, queue_messages, states

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/mail/message/"


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client


def preview(client: Client, message: Message):
    return client.get(f"{LIST}{message.pk}/preview/")


def test_preview_shows_the_email_under_a_strict_content_security_policy(staff):
    rsvp = factories.rsvp(factories.event(), size=2)
    response = preview(staff, Message.objects.get())
    page = response.content.decode()
    [nonce] = set(re.findall(r'<style nonce="([^"]+)">', page))
    policy = response["Content-Security-Policy"]
    assert f"style-src 'nonce-{nonce}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert not re.search(r"\sstyle=", page)
    assert "unsafe-inline" not in policy
    assert "You have 2 seats" in web_client.page_text(response)
    assert rsvp.token not in page
    assert "href=" not in page


def test_preview_hides_private_links_in_the_text(staff):
    template = TEMPLATES["invitation"]
    editable_templates.save_text(template, "en", TemplateText("Come", "Or go to {link}"))
    invitation = factories.invite(factories.event(), factories.person("Alma"))
    message = Message.objects.get()
    assert f"Or go to http://127.0.0.1:8000/imagine/invitation/{invitation.token}/" in message.body_text
    page = preview(staff, message).content.decode()
    assert "Or go to http://127.0.0.1:8000/imagine/invitation/(link)/" in page
    assert invitation.token not in page


def test_preview_has_a_new_nonce_each_time(staff):
    factories.rsvp(factories.event())
    pages = [re.search(r'nonce="([^"]+)"', preview(staff, Message.objects.get()).content.decode())[1] for _ in range(2)]
    assert pages[0] != pages[1]


def test_inline_styles_move_into_one_style_element():
    html = '<head></head><p style="color:red">a</p><p style="color:red">b</p><p style="margin:0">c</p>'
    assert move_styles(html, "x") == (
        '<head><style nonce="x">.m0 { color:red }\n.m1 { margin:0 }</style></head>'
        '<p class="m0">a</p><p class="m0">b</p><p class="m1">c</p>'
    )


def test_preview_escapes_what_a_guest_typed(staff):
    factories.rsvp(factories.event(), '<img src=x onerror="alert(1)"> style="color:red"')
    page = preview(staff, Message.objects.get()).content.decode()
    assert "<img src=x" not in page
    assert "<script" not in page


def test_message_page_hides_the_private_link(staff):
    rsvp = factories.rsvp(factories.event())
    response = staff.get(f"{LIST}{Message.objects.get().pk}/change/")
    page = response.content.decode()
    assert f"{Message.objects.get().pk}/preview/" in page
    assert rsvp.token not in page


def test_preview_and_list_are_only_for_staff_with_permission(staff):
    message = new_message()
    guest = Client()
    guest.force_login(User.objects.create_user("guest"))
    for client in (Client(), guest):
        assert preview(client, message).status_code == 302
        assert client.get(LIST).status_code == 302
    anonymous = Client()
    anonymous.force_login(User.objects.create_user("bare", is_staff=True))
    assert preview(anonymous, message).status_code in {403, 404}
    assert anonymous.get(LIST).status_code == 403


def test_preview_of_a_missing_message_is_404(staff):
    assert staff.get(f"{LIST}00000000-0000-0000-0000-000000000000/preview/").status_code == 404


def test_messages_cannot_be_added_changed_or_deleted(staff):
    message = new_message()
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{message.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(f"{LIST}{message.pk}/change/", {"subject": "Changed", "recipient": "eve@example.org"})
    message.refresh_from_db()
    assert (message.subject, message.recipient) == ("Your seat on April 4 is confirmed", "alma@example.org")


def test_resend_queues_failed_messages_and_skips_queued_ones(staff):
    failed, queued = new_message("a:1"), new_message("a:2")
    Message.objects.update(kind="notice")  # a kind without a resend rule in any app
    Message.objects.filter(pk=failed.pk).update(state="rejected", last_error="550 no", attempts=1)
    response = web_client.run_action(staff, LIST, "resend", [failed, queued])
    assert "1 email will be resent." in web_client.page_text(response)
    assert "1 email is already on its way." in web_client.page_text(response.asked)
    assert list(Message.objects.order_by("idempotency_key").values_list("state", "attempts", "last_error")) == [
        ("queued", 0, ""),
        ("queued", 0, ""),
    ]


def test_unknown_outcome_is_resolved_from_list_and_page(staff):
    [one, other, queued] = queue_messages(mailing(), 3)
    Message.objects.exclude(pk=queued.pk).update(state="unknown")
    page = f"{LIST}{other.pk}/change/"
    assert 'value="Mark as delivered"' in staff.get(page).content.decode()
    assert 'value="Mark as delivered"' not in staff.get(f"{LIST}{queued.pk}/change/").content.decode()
    response = web_client.run_action(staff, LIST, "mark_arrived", [one, queued])
    assert "1 email marked as delivered." in web_client.page_text(response)
    assert "The delivery of 1 email was already known." in web_client.page_text(response.asked)
    assert "1 email marked as delivered." in web_client.page_text(staff.post(page, {"_arrived": "1"}, follow=True))
    assert states() == ["sent", "sent", "queued"]


def test_resending_from_a_stopped_mailing_is_refused_with_a_reason(staff):
    [message] = queue_messages(mailing(stopped_at=timezone.now()), 1)
    Message.objects.update(state="unknown")
    page_text = web_client.page_text(staff.post(f"{LIST}{message.pk}/change/", {"_resend": "1"}, follow=True))
    assert "This email’s mailing was stopped, so it can’t be resent." in page_text
    assert states() == ["unknown"]


@pytest.mark.slow
def test_viewer_cannot_resolve_unknown_outcomes(staff):
    [message] = queue_messages(mailing(), 1)
    Message.objects.update(state="unknown")
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_message"))
    staff.force_login(viewer)
    page = f"{LIST}{message.pk}/change/"
    assert "Mark as delivered" not in staff.get(page).content.decode()
    staff.post(page, {"_arrived": "1"})
    web_client.run_action(staff, LIST, "mark_arrived", [message])
    assert states() == ["unknown"]


def test_unsubscribe_link_is_not_shown_or_filterable(staff):
    [message] = queue_messages(mailing(), 1, unsubscribe_url="https://www.example.org/imagine/mail/secret-token/news/")
    assert "secret-token" not in staff.get(f"{LIST}{message.pk}/change/").content.decode()
    assert staff.get(f"{LIST}?unsubscribe__contains=secret").status_code in {302, 400}


def test_rejection_reason_is_shown_in_the_list(staff):
    new_message()
    Message.objects.update(state="rejected", last_error="550 5.1.1 … no such user")
    assert "550 5.1.1 … no such user" in web_client.page_text(staff.get(LIST))


@pytest.mark.slow
@pytest.mark.parametrize("query", ["", "?q=alma", "?state__exact=queued"])
def test_list_takes_the_same_number_of_queries_for_1_and_30(staff, query, django_assert_num_queries):
    new_message("a:0")
    staff.get(LIST + query)
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST + query)
    for number in range(1, 30):
        new_message(f"a:{number}")
    with django_assert_num_queries(len(queries)):
        staff.get(LIST + query)


def test_bounced_and_failed_messages_are_marked_as_handled(staff):
    """Marking them twice does no harm, and what was sent or may have arrived can't be handled this way."""
    messages = {
        state: new_message(idempotency_key=f"test:{state}") for state in ("rejected", "failed", "unknown", "sent")
    }
    for state, message in messages.items():
        sent_at = timezone.now() if state == "sent" else None
        Message.objects.filter(pk=message.pk).update(state=state, sent_at=sent_at)
    assert waiting(staff) == {"rejected", "failed", "unknown"}
    response = web_client.run_action(staff, LIST, "mark_handled", list(messages.values()))
    assert "2 emails were already handled, or didn’t bounce or fail." in web_client.page_text(response.asked)
    assert "2 emails marked as handled." in web_client.page_text(response)
    assert waiting(staff) == {"unknown"}
    assert {message.state for message in staff.get(f"{LIST}?handled=yes").context["cl"].result_list} == {
        "rejected",
        "failed",
    }
    text = web_client.page_text(web_client.run_action(staff, LIST, "mark_handled", list(messages.values())))
    assert "4 emails were already handled" in text


def waiting(staff: Client) -> set[str]:
    return {message.state for message in staff.get(f"{LIST}?handled=no").context["cl"].result_list}


def test_message_page_has_a_button_to_mark_it_as_handled(staff):
    message = new_message()
    Message.objects.update(state="rejected")
    page = f"{LIST}{message.pk}/change/"
    assert b'name="_handled"' in staff.get(page).content
    response = staff.post(page, {"_handled": "1"}, follow=True)
    assert "1 email marked as handled." in web_client.page_text(response)
    assert b'name="_handled"' not in response.content
    message.refresh_from_db()
    assert queue.requeue(message)
    message.refresh_from_db()
    assert message.handled_at is None, "if it fails again, it waits for staff again"
    assert b'name="_handled"' not in staff.get(page).content
