"""Logs contain IDs, routes and error types, but never a name, an email address or a link."""

import io
import json
import logging

import pytest
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from imagine.celery import app
from imagine.core.links import new_token
from imagine.core.logging import JsonFormatter, without_private
from imagine.mail import delivery
from imagine.mail.models import Message
from summit.models import Rsvp
from tests import factories, web_client

pytestmark = pytest.mark.django_db

PRIVATE = ("Alma", "Reyes", "Okafor", "no nuts", "example.org", "209 555")


@pytest.fixture
def log():
    """Everything that is logged, formatted as in production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def lines(log: io.StringIO, *also_private: str) -> list[dict]:
    """Return the lines logged so far, after checking that they contain nothing private."""
    output = log.getvalue()
    for private in (*PRIVATE, *also_private):
        assert private not in output
    return [json.loads(line) for line in output.splitlines()]


@app.task(name="tests.fail")
def fail(email: str) -> None:
    raise ValueError(f"Nobody mails {email}")


@pytest.mark.slow
def test_requests_are_logged_by_route_and_status(log, mail_server):
    event = factories.event()
    browser = web_client.visitor(event)
    fields = web_client.rsvp_form(guest_2="Ben Okafor", size="2", dietary_needs="no nuts", phone="209 555 0100")
    browser.post(event.get_absolute_url(), fields)
    rsvp = Rsvp.objects.get()
    contact = rsvp.guests.first()
    browser.get(rsvp.get_absolute_url())
    browser.post(reverse("change_party", args=[rsvp.token]), {f"guest-{contact.pk}-name": "Alma R.", "grow": "3"})
    browser.post(reverse("cancel_rsvp", args=[rsvp.token]))
    browser.get(reverse("cancel_rsvp", args=[new_token()]))
    browser.get(f"/imagine/rsvp/{rsvp.token[:-1]}/")
    Client().post(event.get_absolute_url(), fields)
    browser.post("/imagine/rsvp/find/", {"email": "alma@example.org"})
    delivery.requeue_abandoned()
    mail_server.at_recipient = "550 no such user alma@example.org"
    log_lines = lines(log, rsvp.token, rsvp.token[:-1], str(rsvp.ics_uid))
    requests = [line for line in log_lines if line["logger"] == "imagine.core.request"]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "imagine/events/<slug:slug>/", 200),
        ("POST", "imagine/events/<slug:slug>/", 302),
        ("GET", "imagine/rsvp/<token:token>/", 200),
        ("POST", "imagine/rsvp/<token:token>/party/", 302),
        ("POST", "imagine/rsvp/<token:token>/cancel/", 302),
        ("GET", "imagine/rsvp/<token:token>/cancel/", 404),
        ("GET", "", 404),
        ("POST", "imagine/events/<slug:slug>/", 409),
        ("POST", "imagine/rsvp/find/", 302),
    ]
    assert all(len(line["request_id"]) == 12 for line in requests)
    sent = {line["message_id"] for line in log_lines if line["logger"] == "imagine.mail.delivery"}
    assert sent == {str(pk) for pk in Message.objects.values_list("pk", flat=True)}


def test_rejected_email_is_logged_without_its_address(log, mail_server):
    factories.rsvp(factories.event(), email="alma@example.org")
    mail_server.at_recipient = "550 no such user alma@example.org"
    delivery.requeue_abandoned()
    assert [line["state"] for line in lines(log) if line["logger"] == "imagine.mail.delivery"] == ["rejected"]


def test_csrf_failures_are_logged_without_private_links(log):
    rsvp = factories.rsvp(factories.event())
    csrf_client = Client(enforce_csrf_checks=True)
    address = reverse("cancel_rsvp", args=[rsvp.token])
    csrf_client.post(address)
    csrf_client.post(address, headers={"origin": f"http://evil.example.com/imagine/rsvp/{rsvp.token}/"})
    csrf_client.post(address, secure=True, headers={"referer": f"https://old.example.com/imagine/rsvp/{rsvp.token}/"})
    csrf_client.post(address, secure=True, headers={"referer": "https://example.com/alma@example.org"})
    log_lines = lines(log, rsvp.token)
    assert [line["status"] for line in log_lines if line["logger"] == "imagine.core.request"] == [403] * 4
    assert len([line for line in log_lines if line["logger"] == "django.security.csrf"]) == 4


def test_invalid_requests_are_logged_without_what_was_sent(log):
    client = Client(raise_request_exception=False)
    client.get("/imagine/rsvp/" + "A" * 32 + "/", headers={"host": "alma-reyes@example.org"})
    client.post("/imagine/rsvp/find/?email=alma@example.org", {"email": "x" * 600_000})
    assert lines(log, "A" * 32)


def test_database_errors_are_logged_by_type_and_location(log):
    event = factories.event()
    rsvp = factories.rsvp(event, email="alma@example.org")
    request = RequestFactory().post(rsvp.get_absolute_url())
    try:
        with transaction.atomic():
            factories.unsaved_rsvp(event, email="alma@example.org", held_seats=1).save()
    except IntegrityError as error:
        logging.getLogger("django.request").error(
            "%s: %s",
            "Internal Server Error",
            request.path,
            exc_info=True,
            extra={"request": request, "status_code": 500},
        )
        logging.getLogger("summit").error("It failed: %s", error)
        logging.getLogger("summit").exception("It failed")
    first, *_others = lines(log, rsvp.token)
    assert (first["message"], first["error"]) == ("Internal Server Error", "IntegrityError")
    assert any("test_logging.py" in place for place in first["at"])


def test_failed_task_is_logged_by_its_name(log):
    fail.apply(args=("alma@example.org",), kwargs={})
    log_lines = lines(log)
    assert [(line["message"], line["error"]) for line in log_lines if line["level"] == "error"] == [
        ("tests.fail failed", "ValueError")
    ]


def test_formatter_redacts_addresses_links_and_secrets(log):
    for private in (
        "mail to alma@example.org",
        "GET /imagine/rsvp/abcdefghijklmnopqrstuvwxyz123456/cancel/",
        "GET /imagine/rsvp/cut-off?x",
        "token abcdefghijklmnopqrstuvwxyz123456",
    ):
        logging.getLogger("somebody.else").warning("%s", private)
    log_lines = lines(log, "abcdefghijklmnopqrstuvwxyz123456", "cut-off")
    assert [line["message"] for line in log_lines] == [
        "mail to (address)",
        "GET /imagine/rsvp/(link)/cancel/",
        "GET /imagine/rsvp/(link)?x",
        "token (secret)",
    ]


def test_a_long_text_is_searched_for_private_data_once():
    """Starting a search at each letter would take minutes."""
    text = "é" * 300_000
    assert without_private(f"{text} alma@example.org") == f"{text} (address)"


def test_each_log_line_is_one_json_object(log):
    logging.getLogger("x").warning("two\nlines, señora")
    [line] = lines(log)
    assert line == {"time": line["time"], "level": "warning", "logger": "x", "message": "two\nlines, señora"}
    assert log.getvalue().count("\n") == 1
