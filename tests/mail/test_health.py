"""Health checks: alive and ready."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.mail import tasks as mail_tasks
from imagine.mail.bulk import send_rate
from imagine.mail.models import Message, QueueHeartbeat, SendRate
from summit import seats
from tests import factories, web_client
from tests.mail.mail_server import free_port, new_message
from tests.mail.mailings import mailing, queue_messages


def ready() -> tuple[int, dict]:
    response = Client().get("/imagine/health/ready/")
    return response.status_code, response.json()


@pytest.fixture
def no_database(transactional_db):
    """Close PostgreSQL's port and the open connection."""
    connection.close()
    port, connection.settings_dict["PORT"] = connection.settings_dict["PORT"], free_port()
    yield
    connection.close()
    connection.settings_dict["PORT"] = port


def test_live_check_needs_no_database():
    response = Client().get("/imagine/health/live/")
    assert (response.status_code, response.json()) == (200, {"alive": True})
    assert "no-store" in response["Cache-Control"]


def healthy(**changed: str) -> tuple[int, dict]:
    state = {"database": "ok", "email": "ok", "mailings": "ok", "visitors": "ok", "broker": "ok"}
    return 200, {"ready": True} | state | changed


@pytest.mark.django_db
def test_ready_reports_missing_workers():
    no_workers = {"email": "no worker", "mailings": "no worker"}
    assert ready() == healthy(**no_workers)
    for queue in ("transactional", "bulk"):
        for _twice in range(2):
            mail_tasks.heartbeat(queue)
    assert ready() == healthy()
    QueueHeartbeat.objects.filter(queue="bulk").update(recorded_at=timezone.now() - timedelta(seconds=121))
    assert ready() == healthy(mailings="no worker")
    QueueHeartbeat.objects.update(recorded_at=timezone.now() - timedelta(seconds=121))
    assert ready() == healthy(**no_workers)


@pytest.fixture
def workers(db):
    for queue in ("transactional", "bulk"):
        mail_tasks.heartbeat(queue)


def test_ready_reports_late_email(workers):
    new_message()
    assert ready() == healthy()
    Message.objects.update(created_at=timezone.now() - timedelta(seconds=301))
    assert ready() == healthy(email="late")
    Message.objects.update(state="sent", sent_at=timezone.now())
    assert ready() == healthy()


def backdate_messages() -> None:
    """Make all messages ten minutes old and unsent."""
    ago = timezone.now() - timedelta(minutes=10)
    Message.objects.update(created_at=ago, send_after=ago)
    SendRate.objects.update_or_create(pk=1, defaults={"next_at": ago})


def test_ready_reports_late_bulk_email(workers):
    queue_messages(mailing(), 2)
    assert ready() == healthy()
    backdate_messages()
    assert ready() == healthy(mailings="late")
    send_rate.reserve_slot()  # one was just sent: the others wait for their turn and aren't late
    assert ready() == healthy()


@pytest.mark.parametrize("moment", ["paused_at", "stopped_at"])
def test_paused_or_stopped_bulk_email_is_not_late(workers, moment):
    queue_messages(mailing(**{moment: timezone.now()}), 2)
    backdate_messages()
    assert ready() == healthy()


@pytest.mark.django_db
def test_ready_contains_no_personal_data():
    factories.rsvp(factories.event())
    assert set(ready()[1].values()) <= {True, "ok", "late", "no worker", "down", "unknown"}


def test_ready_without_a_database_is_503(no_database):
    status, state = ready()
    assert status == 503
    unknown = dict.fromkeys(("email", "mailings", "visitors"), "unknown")
    assert state | {"broker": ""} == {"ready": False, "database": "down", "broker": ""} | unknown


PROXIED = [{"REMOTE_ADDR": "192.0.2.1"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_FORWARDED": "for=127.0.0.1"}]


@pytest.mark.parametrize("request_of", PROXIED)
@pytest.mark.django_db
def test_public_sees_only_that_it_is_ready(request_of):
    response = Client(**request_of).get("/imagine/health/ready/")
    assert (response.status_code, response.json()) == (200, {"ready": True})


def test_public_sees_only_that_it_is_not_ready(no_database):
    response = Client(REMOTE_ADDR="192.0.2.1").get("/imagine/health/ready/")
    assert (response.status_code, response.json()) == (503, {"ready": False})


@pytest.mark.slow
@pytest.mark.django_db
def test_ready_reports_when_all_visitors_share_one_address(workers):
    for _number in range(50):
        Client(REMOTE_ADDR="10.0.0.2").post("/imagine/rsvp/find/", {})
    assert ready() == healthy(visitors="one address")
    Client(REMOTE_ADDR="192.0.2.1").post("/imagine/rsvp/find/", {})
    assert ready() == healthy()


@pytest.mark.django_db
def test_only_local_monitors_trigger_the_visitor_check():
    def statements(**sent: str) -> str:
        with CaptureQueriesContext(connection) as queries:
            assert Client().get("/imagine/health/ready/", **sent).status_code == 200
        return " ".join(query["sql"] for query in queries)

    for sent in PROXIED:
        assert "core_ratelimitcount" not in statements(**sent)
    assert "core_ratelimitcount" in statements()


def test_page_without_a_database_is_a_plain_503(no_database):
    client = Client(raise_request_exception=False)
    for response in (client.get("/imagine/"), client.post("/imagine/events/summit/", web_client.rsvp_form())):
        assert response.status_code == 503
        assert response["Retry-After"]
        assert "Back in a moment" in web_client.page_text(response)
        assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("pgcode", ["40P01", "55P03", "57014"])  # deadlock, lock timeout, statement timeout
def test_database_timeout_or_deadlock_shows_its_own_503_page(monkeypatch, pgcode):
    def time_out(*_args):
        with connection.cursor() as cursor:
            cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{pgcode}'; END $$")

    factories.event(slug="summit")
    monkeypatch.setattr(seats, "lock_event", time_out)
    client = Client(raise_request_exception=False)
    response = client.post("/imagine/events/summit/", web_client.rsvp_form())
    assert response.status_code == 503
    assert response["Retry-After"]
    page = web_client.page_text(response)
    assert "someone else was changing the same records" in page
    assert "can’t reach" not in page


@pytest.mark.django_db(transaction=True)
def test_page_recovers_when_the_database_is_back():
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
def test_lost_connection_is_reopened_by_the_next_request():
    client = Client(raise_request_exception=False)
    client.get("/imagine/")
    connection.ensure_connection()
    connection.connection.close()
    assert client.get("/imagine/").status_code in {200, 503}
    connection.close_if_unusable_or_obsolete()
    assert client.get("/imagine/").status_code == 200
