"""Rate limits use a sliding window, count exactly, and say when to try again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imagine.core import rate_limit
from imagine.core.models import RateLimitCount
from tests import web_client
from tests.concurrency import run_at_once

pytestmark = pytest.mark.django_db


def count_tries(number: int, *, limit: int = 10, weight: int = 1) -> list[int]:
    return [rate_limit.wait_for_try("key", most=limit, minutes=10, weight=weight) for _ in range(number)]


def pass_time(seconds: float) -> None:
    """Make all tries this many seconds older."""
    for count in RateLimitCount.objects.order_by("since"):  # oldest first, so that no row collides with another
        count.since -= timedelta(seconds=seconds)
        count.save()


def test_tries_up_to_the_limit_pass_and_refused_ones_do_not_count():
    assert count_tries(10) == [0] * 10
    totals = count_tries(50)
    assert all(600 < seconds <= 630 for seconds in totals)
    assert RateLimitCount.objects.get().count == 10


def test_limit_cannot_be_doubled_at_a_window_boundary():
    count_tries(10)
    for _minute in range(10):
        pass_time(60)
        assert count_tries(1) != [0]
    pass_time(30)
    assert count_tries(11)[:10] == [0] * 10


def test_old_tries_expire_gradually():
    count_tries(4)
    pass_time(300)
    count_tries(6)
    pass_time(330)
    assert [seconds == 0 for seconds in count_tries(6)] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("weight", [1, 3])
def test_reported_wait_is_exactly_long_enough(weight):
    for _part in range(5):
        count_tries(2)
        pass_time(60)
    [seconds] = count_tries(1, weight=weight)
    pass_time(seconds - 1)
    assert count_tries(1, weight=weight) != [0]
    pass_time(1)
    assert count_tries(1, weight=weight) == [0]


def test_count_try_returns_the_total_of_the_window():
    assert [rate_limit.count_try("key", minutes=10) for _ in range(3)] == [1, 2, 3]
    pass_time(90)
    assert rate_limit.count_try("key", minutes=10, weight=2) == 5
    pass_time(600)
    assert rate_limit.count_try("key", minutes=10, weight=0) == 2
    assert rate_limit.seconds_to_wait("key", most=3, minutes=10) == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_limit_holds_for_concurrent_tries():
    waits = run_at_once([lambda: rate_limit.wait_for_try("key", most=20, minutes=10)] * 40, ())
    assert sum(wait == 0 for wait in waits) == 20


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_ipv6_addresses_are_counted_by_network(address, network):
    assert rate_limit.client_network(RequestFactory(REMOTE_ADDR=address).get("/")) == network


def visit(address: str, number: int) -> None:
    request = RequestFactory(REMOTE_ADDR=address).post("/")
    for _ in range(number):
        rate_limit.wait_for_visitor(request, "rsvp", most=1000, minutes=10)


def test_many_tries_from_only_one_address_suggest_an_undeclared_proxy():
    rate_limit.count_try("signatures:1", minutes=10)
    visit("10.0.0.2", 49)
    assert not rate_limit.all_visitors_are_one()
    visit("10.0.0.2", 1)
    assert rate_limit.all_visitors_are_one()
    visit("192.0.2.1", 1)
    assert not rate_limit.all_visitors_are_one()


@pytest.mark.slow
def test_visitor_check_reads_a_bounded_number_of_counts():
    started = timezone.now() - timedelta(hours=1)
    RateLimitCount.objects.bulk_create(
        RateLimitCount(key=f"rsvp:visitor:{number % 3}", since=started + timedelta(milliseconds=number))
        for number in range(20_000)
    )
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        cursor.execute("ANALYZE core_ratelimitcount")
        assert not rate_limit.all_visitors_are_one()
    [rate_limit_queries] = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {rate_limit_queries}")
        plan = cursor.fetchone()[0][0]["Plan"]["Plans"][0]
    assert plan["Index Name"] == "rate_limit_count_by_time"
    assert plan["Actual Rows"] == rate_limit.MAX_COUNTS_TO_JUDGE


def test_start_page_warns_superusers_when_all_visitors_share_one_address():
    staff, reader = Client(), web_client.staff_client("view_rsvp")
    staff.force_login(User.objects.create_superuser("staff"))
    warning = "All visitors seem to come from the same network address"
    assert warning not in web_client.page_text(staff.get("/imagine/admin/"))
    visit("10.0.0.2", 50)
    assert warning in web_client.page_text(staff.get("/imagine/admin/"))
    assert warning not in web_client.page_text(reader.get("/imagine/admin/"))


@pytest.mark.django_db(transaction=True)
def test_count_reconnects_when_postgresql_has_closed_the_connection():
    count_tries(1)
    backend = connection.connection.info.backend_pid
    others = connection.copy()
    try:
        with others.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
            assert cursor.fetchone() == (True,)
    finally:
        others.close()
    assert count_tries(10) == [0] * 9 + [pytest.approx(600, abs=31)]


@pytest.mark.django_db(transaction=True)
def test_count_is_the_health_check_of_its_request(monkeypatch):
    wrapper = connections["default"]
    monkeypatch.setattr(wrapper, "health_check_enabled", True)
    monkeypatch.setattr(wrapper, "health_check_done", False)
    monkeypatch.setattr(wrapper, "is_usable", pytest.fail)
    count_tries(1)
    connection.cursor().close()
