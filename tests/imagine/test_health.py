"""What machines ask: alive, and fit to serve."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from imagine import tasks
from imagine.models import Heartbeat, Message
from tests import browse, make
from tests.imagine.post import free_port, new_message


def ready() -> tuple[int, dict]:
    response = Client().get("/imagine/health/ready/")
    return response.status_code, response.json()


@pytest.fixture
def no_database(transactional_db):
    """PostgreSQL's port is closed, and the connection that was open is gone."""
    connection.close()
    port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], free_port()
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


def test_alive_without_a_database():
    response = Client().get("/imagine/health/live/")
    assert (response.status_code, response.json()) == (200, {"alive": True})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_ready_tells_whether_a_worker_was_there_lately():
    assert ready() == (200, {"database": "ok", "mail": "no worker", "broker": "ok"})
    for _twice in range(2):
        tasks.beat_heart("direct")
    assert ready() == (200, {"database": "ok", "mail": "ok", "broker": "ok"})
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=121))
    assert ready() == (200, {"database": "ok", "mail": "no worker", "broker": "ok"})


@pytest.mark.django_db
def test_ready_tells_when_mail_is_late():
    tasks.beat_heart("direct")
    new_message()
    assert ready()[1]["mail"] == "ok"
    Message.objects.update(created_at=timezone.now() - timedelta(seconds=301))
    assert ready() == (200, {"database": "ok", "mail": "late", "broker": "ok"})
    Message.objects.update(state="sent", sent_at=timezone.now())
    assert ready()[1]["mail"] == "ok"


@pytest.mark.django_db
def test_ready_says_nothing_of_anybody():
    make.rsvp(make.event())
    assert set(ready()[1].values()) <= {"ok", "late", "no worker", "down", "unknown"}


def test_ready_without_a_database_is_503(no_database):
    status, state = ready()
    assert (status, state["database"], state["mail"]) == (503, "down", "unknown")


def test_page_without_a_database_is_a_plain_503_and_comes_back(no_database):
    client = Client(raise_request_exception=False)
    for response in (client.get("/imagine/"), client.post("/imagine/events/summit/", browse.answers())):
        assert response.status_code == 503
        assert response["Retry-After"]
        assert "Back in a moment" in browse.text(response)
        assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.django_db(transaction=True)
def test_page_is_back_with_the_database():
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = free_port()
    client = Client(raise_request_exception=False)
    try:
        assert client.get("/imagine/").status_code == 503
    finally:
        connection.settings_dict["PORT"] = port
    assert client.get("/imagine/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_connection_that_was_lost_is_made_again_by_the_next_request():
    client = Client(raise_request_exception=False)
    client.get("/imagine/")
    connection.ensure_connection()
    connection.connection.close()
    assert client.get("/imagine/").status_code in {200, 503}
    connection.close_if_unusable_or_obsolete()
    assert client.get("/imagine/").status_code == 200
