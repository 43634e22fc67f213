"""Wrong passwords are counted and have to wait; the right one is accepted."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imagine.accounts import failures
from imagine.core.models import RateLimitCount
from imagine.core.rate_limit import count_try
from tests.accounts.people import ADMIN, LOGIN, PASSWORD, SET_UP, give_password
from tests.web_client import page_text

pytestmark = pytest.mark.django_db
SCHOOL, HOME = "10.20.30.40", "198.51.100.7"


def waits(responses) -> list[int]:
    return [int(response.headers.get("Retry-After", 0)) for response in responses]


@pytest.mark.slow
def test_right_password_works_after_fifty_wrong_ones(clerk):
    student = Client()
    responses = [give_password(student, f"guess {number}", address=SCHOOL) for number in range(50)]
    assert {response.status_code for response in responses[3:]} == {429}
    assert "Wait 15 minutes" in page_text(responses[-1])
    assert give_password(Client(), address=SCHOOL)["Location"] == SET_UP


def test_wait_doubles_with_each_wrong_password(client, clerk):
    responses = [give_password(client, "wrong", address=SCHOOL) for _try in range(8)]
    assert [response.status_code for response in responses[:3]] == [200, 200, 200]
    assert waits(responses) == [0, 0, 0, 2, 4, 8, 16, 32]
    assert "Wait 32 seconds before you try again." in page_text(responses[-1])


def test_failures_are_also_counted_per_account(clerk):
    """One guess from each of many addresses."""
    responses = [give_password(Client(), "wrong", address=f"10.0.0.{number}") for number in range(14)]
    assert waits(responses) == [0] * 10 + [2, 4, 8, 16]


@pytest.mark.slow
def test_failures_of_one_account_do_not_slow_down_another(clerk):
    for _try in range(20):
        give_password(Client(), "wrong", address=SCHOOL)
    other = give_password(Client(), "wrong", name="other@example.org", address=SCHOOL)
    assert waits([other]) == [0]


def test_other_spellings_of_a_username_count_as_the_same_account(clerk):
    names = ["clerk@example.org", "Clerk@Example.org", " CLERK@EXAMPLE.ORG ", "clerk@example.ORG"]
    responses = [give_password(Client(), "wrong", name=name, address=SCHOOL) for name in names]
    assert waits(responses) == [0, 0, 0, 2]
    assert give_password(Client(), name=" Clerk@Example.org ")["Location"] == SET_UP


def test_successful_sign_in_resets_the_failure_count(clerk):
    for _round in range(3):
        responses = [give_password(Client(), "wrong", address=HOME) for _try in range(3)]
        assert waits(responses) == [0, 0, 0]
        assert give_password(Client(), address=HOME).status_code == 302


@pytest.mark.slow
def test_right_passwords_are_not_counted_as_failures(clerk):
    responses = [give_password(Client(), address=SCHOOL) for _try in range(60)]
    assert {response["Location"] for response in responses} == {SET_UP}


def test_blocked_address_still_allows_browsers_that_signed_in_before(client, clerk, settings, rf):
    settings.DEMO_WITHOUT_SECOND_FACTOR = True
    give_password(client)
    settings.DEMO_WITHOUT_SECOND_FACTOR = False
    key = failures.address_key(rf.get("/", REMOTE_ADDR=SCHOOL))
    count_try(key, minutes=failures.ADDRESS_WINDOW, weight=failures.MAX_PER_ADDRESS)
    assert give_password(Client(), address=SCHOOL).status_code == 429
    assert give_password(Client(), address=HOME)["Location"] == SET_UP
    assert give_password(client, address=SCHOOL)["Location"] == SET_UP
    forged = Client()
    forged.cookies[failures.KNOWN_BROWSER_COOKIE] = "known:1:forged"
    assert give_password(forged, address=SCHOOL).status_code == 429
    assert give_password(client, address=SCHOOL, name="other@example.org").status_code == 429
    assert give_password(client, address=SCHOOL, name="\x00").status_code == 429


@pytest.mark.slow
def test_browser_used_by_two_people_is_known_for_both(client, clerk, settings, rf):
    settings.DEMO_WITHOUT_SECOND_FACTOR = True
    User.objects.create_superuser("chief", "chief@example.org", PASSWORD)
    User.objects.create_superuser("guessed", "guessed@example.org", PASSWORD)
    for name in ("clerk@example.org", "chief"):
        give_password(client, name=name)
        client.post(f"{ADMIN}logout/")
    settings.DEMO_WITHOUT_SECOND_FACTOR = False
    key = failures.address_key(rf.get("/", REMOTE_ADDR=SCHOOL))
    count_try(key, minutes=failures.ADDRESS_WINDOW, weight=failures.MAX_PER_ADDRESS)
    names = ("clerk@example.org", "chief", "chief@example.org", "guessed")
    assert [give_password(client, name=name, address=SCHOOL).status_code for name in names] == [302, 302, 302, 429]


def test_empty_form_is_not_counted_as_a_failure(client, clerk):
    for _try in range(10):
        response = client.post(LOGIN, {"username": "", "password": ""}, REMOTE_ADDR=SCHOOL)
        assert response.status_code == 200
    assert waits([give_password(client, "wrong", address=SCHOOL)]) == [0]


def test_wrong_password_does_not_reveal_whether_the_account_exists(clerk):
    known_user_text = page_text(give_password(Client(), "wrong", address=SCHOOL))
    unknown = page_text(give_password(Client(), "wrong", name="nobody@example.org", address=SCHOOL))
    assert known_user_text == unknown


def test_rate_limit_keys_contain_no_username_or_ip_address(clerk):
    give_password(Client(), "wrong", address=SCHOOL)
    keys = " ".join(RateLimitCount.objects.values_list("key", flat=True))
    assert keys.count("sign-in") == 3
    assert keys.count("recorded failures") == 1
    assert "clerk" not in keys
    assert SCHOOL not in keys


def test_login_page_redirects_a_signed_in_user(clerk):
    client = Client()
    client.force_login(clerk)
    assert client.get(LOGIN)["Location"] == ADMIN
