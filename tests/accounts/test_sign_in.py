"""Both steps of signing in, in every order a browser can request them."""

import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from django.utils import timezone

from imagine.accounts import second_factor, sign_in
from imagine.accounts.models import StaffSession
from imagine.mail.models import Message
from tests.accounts.people import (
    ACCOUNT,
    ADMIN,
    LOGIN,
    PASSWORD,
    SECOND_STEP,
    SET_UP,
    add_app,
    change_session,
    code_of,
    give_password,
    is_signed_in,
    sign_in_with_app,
    wrong_code,
)
from tests.web_client import page_text

pytestmark = pytest.mark.django_db


def test_password_alone_does_not_sign_in(client, clerk):
    add_app(clerk)
    assert give_password(client)["Location"] == SECOND_STEP
    for page in (
        ADMIN,
        ACCOUNT,
        f"{ADMIN}summit/event/",
        f"{ADMIN}password_change/",
        f"{ADMIN}account/recovery-codes/",
    ):
        assert client.get(page)["Location"].startswith(LOGIN)
    assert "sessions" not in page_text(client.get(SECOND_STEP))


def test_sign_in_redirects_to_the_requested_page(client, clerk):
    device = add_app(clerk)
    next_url = f"{ADMIN}summit/event/"
    page = client.get(next_url, follow=True)
    assert f'name="next" value="{next_url}"' in page.content.decode()
    give_password(client, next=next_url)
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == next_url
    assert client.get(next_url).status_code == 200


@pytest.mark.parametrize(
    "next_url",
    [
        "https://evil.example/",
        *(pytest.param(url, marks=pytest.mark.slow) for url in ("//evil.example", "javascript:alert(1)", "2147483648")),
    ],
)
def test_sign_in_does_not_redirect_to_other_sites(client, clerk, next_url):
    device = add_app(clerk)
    give_password(client, next=next_url)
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == ADMIN


@pytest.mark.slow
def test_user_without_a_second_step_sees_only_the_set_up_page(client, clerk):
    assert give_password(client)["Location"] == SET_UP
    for page in (ADMIN, ACCOUNT, f"{ADMIN}summit/rsvp/"):
        assert client.get(page, follow=True).redirect_chain[-1][0] == SET_UP
    assert client.get(SECOND_STEP)["Location"] == SET_UP


def test_setting_up_an_app_signs_in_and_shows_recovery_codes(client, clerk):
    give_password(client)
    page = client.get(SET_UP)
    device = second_factor.new_totp(client.session, clerk)
    assert "<svg" in page.content.decode()
    assert second_factor.secret_of(device) in page_text(page)
    codes_page = client.post(SET_UP, {"code": code_of(device)}, follow=True)
    codes = codes_page.context["codes"]
    assert len(set(codes)) == 10
    assert page_text(client.get(f"{ACCOUNT}recovery-codes/")).count(codes[0]) == 1  # shown again after a reload
    client.post(f"{ACCOUNT}recovery-codes/", {"next": ADMIN})
    assert client.get(f"{ACCOUNT}recovery-codes/")["Location"] == ADMIN
    assert is_signed_in(client)
    assert list(Message.objects.values_list("recipient", "kind")) == [("clerk@example.org", "factor_added")]
    stored = set(clerk.staticdevice_set.get().token_set.values_list("token", flat=True))
    assert not stored & {code.replace("-", "") for code in codes}


def test_wrong_code_does_not_set_up_an_app(client, clerk):
    give_password(client)
    client.get(SET_UP)
    response = client.post(SET_UP, {"code": wrong_code(second_factor.new_totp(client.session, clerk))})
    assert "That code is wrong" in page_text(response)
    assert not second_factor.factors_of(clerk).any
    assert not is_signed_in(client)


def test_opening_the_set_up_page_saves_no_device(client, clerk):
    give_password(client)
    for _time in range(2):
        assert client.get(SET_UP).status_code == 200
    assert not clerk.totpdevice_set.exists()


def test_each_browser_is_offered_its_own_authenticator_key(clerk):
    """Someone who knows the password sees the key, so the owner must not confirm that key later."""
    attacker, owner = Client(), Client()
    for browser in (attacker, owner):
        give_password(browser)
        browser.get(SET_UP)
    seen, offered = (second_factor.new_totp(browser.session, clerk) for browser in (attacker, owner))
    assert seen.key != offered.key
    assert confirm(owner, seen).status_code == 200
    assert confirm(owner, offered).status_code == 302
    assert clerk.totpdevice_set.get().key == offered.key
    assert confirm(attacker, seen)["Location"] == SECOND_STEP


def confirm(client: Client, device):
    return client.post(SET_UP, {"code": code_of(device)})


def test_code_that_confirmed_the_app_cannot_be_used_again(client, clerk):
    give_password(client)
    client.get(SET_UP)
    code = code_of(second_factor.new_totp(client.session, clerk))
    client.post(SET_UP, {"code": code})
    assert second_factor.check_code(clerk, code).factor == ""


def test_blank_code_is_rejected(client, clerk):
    give_password(client)
    assert client.post(SET_UP, {"code": " " * 6}).status_code == 200


def test_recovery_code_works_once(clerk):
    add_app(clerk)
    code, *_others = second_factor.new_recovery_codes(clerk)
    statuses = []
    for typed_code in (code.upper().replace("-", " "), code):
        client = Client()
        give_password(client)
        statuses.append(client.post(SECOND_STEP, {"code": typed_code}).status_code)
    assert statuses == [302, 200]
    assert second_factor.factors_of(clerk).recovery_codes == 9


def test_recovery_code_of_another_user_is_rejected(client, clerk):
    add_app(clerk)
    other = User.objects.create_superuser("other", "other@example.org", PASSWORD)
    code, *_others = second_factor.new_recovery_codes(other)
    second_factor.new_recovery_codes(clerk)
    give_password(client)
    assert client.post(SECOND_STEP, {"code": code}).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("age", [0, 60 * 60])
def test_used_and_expired_codes_are_rejected(clerk, age):
    device = add_app(clerk)
    code = code_of(device, seconds=-age)
    if not age:
        sign_in_with_app(clerk, device)
    client = Client()
    give_password(client)
    assert client.post(SECOND_STEP, {"code": code}).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.slow
def test_fifty_wrong_codes_are_rate_limited(client, clerk):
    device = add_app(clerk)
    give_password(client)
    responses = [client.post(SECOND_STEP, {"code": wrong_code(device)}) for _try in range(50)]
    stopped = [response for response in responses if response.status_code == 429]
    assert len(stopped) > 40  # a try is counted as soon as the wait is over
    assert all(int(response["Retry-After"]) > 0 for response in stopped)
    device.refresh_from_db()
    assert device.throttling_failure_count < 10
    clerk.totpdevice_set.update(throttling_failure_timestamp=timezone.now())
    assert (
        client.post(SECOND_STEP, {"code": code_of(device)}).status_code == 429
    )  # a recovery code counts as a guess, too


def test_wait_after_wrong_codes_is_at_most_15_minutes(client, clerk):
    device = add_app(clerk, throttling_failure_count=20, throttling_failure_timestamp=timezone.now())
    give_password(client)
    response = client.post(SECOND_STEP, {"code": code_of(device)})
    assert 890 <= int(response["Retry-After"]) <= 900
    clerk.totpdevice_set.update(throttling_failure_timestamp=timezone.now() - timedelta(minutes=15))
    assert client.post(SECOND_STEP, {"code": code_of(device)}).status_code == 302


def test_user_is_notified_once_of_ten_wrong_codes(client, clerk):
    device = add_app(clerk)
    give_password(client)
    for count in range(9, 15):
        long_ago = timezone.now() - timedelta(days=1)
        clerk.totpdevice_set.update(throttling_failure_timestamp=long_ago)
        if count == 9:
            clerk.totpdevice_set.update(throttling_failure_count=8)
        client.post(SECOND_STEP, {"code": wrong_code(device)})
        assert Message.objects.count() == (count > 9)
    assert (Message.objects.get().kind, Message.objects.get().recipient) == ("many_wrong_codes", clerk.email)


def test_second_step_without_the_first_redirects_to_login(client, clerk):
    device = add_app(clerk)
    for page in (SECOND_STEP, SET_UP):
        assert client.post(page, {"code": code_of(device)})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_first_step_expires_after_15_minutes(client, clerk):
    device = add_app(clerk)
    give_password(client)
    change_session(client, lambda session: session[sign_in.PENDING].update(since=time.time() - 16 * 60))
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == LOGIN


def test_password_change_ends_a_pending_sign_in(client, clerk):
    device = add_app(clerk)
    give_password(client)
    clerk.set_password("another one entirely")
    clerk.save()
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == LOGIN


def test_pending_sign_in_can_be_canceled(client, clerk):
    add_app(clerk)
    give_password(client)
    assert client.get(f"{LOGIN}cancel/").status_code == 405
    assert client.post(f"{LOGIN}cancel/")["Location"] == LOGIN
    assert client.get(SECOND_STEP)["Location"] == LOGIN


def test_session_without_a_recorded_factor_is_not_signed_in(clerk):
    """A safeguard behind the sign-in page, whatever created the session."""
    client = Client()
    client.force_login(clerk)
    assert is_signed_in(client)
    change_session(client, lambda session: session.pop(sign_in.FACTOR))
    assert client.get(ADMIN)["Location"].startswith(LOGIN)
    assert client.get(ACCOUNT)["Location"].startswith(LOGIN)
    change_session(client, lambda session: session.update({sign_in.FACTOR: sign_in.DEMO}))
    assert not is_signed_in(client)


def test_losing_staff_status_or_deactivation_ends_open_sessions(clerk):
    for change in ({"is_staff": False}, {"is_active": False}):
        client = Client()
        client.force_login(clerk)
        User.objects.filter(pk=clerk.pk).update(**change)
        assert not is_signed_in(client)
        assert client.get(ACCOUNT).status_code == 302
        User.objects.filter(pk=clerk.pk).update(is_staff=True, is_active=True)


def test_people_who_are_not_staff_cannot_sign_in(client, clerk):
    User.objects.filter(pk=clerk.pk).update(is_staff=False)
    response = give_password(client)
    assert "don’t match" in page_text(response)
    assert StaffSession.objects.count() == 0


def test_user_can_sign_in_by_username_or_email(roles):
    User.objects.create_superuser("chief", "Chief@example.org", PASSWORD)
    for name in ("chief", "chief@example.org", " CHIEF@example.org"):
        assert give_password(Client(), name=name)["Location"] == SET_UP


def test_user_logged_in_signal_is_sent_after_both_steps(client, clerk):
    received = []

    def receive(user, **kwargs):
        received.append(user)

    user_logged_in.connect(receive)
    try:
        device = add_app(clerk)
        give_password(client)
        assert received == []
        client.post(SECOND_STEP, {"code": code_of(device)})
        assert received == [clerk]
    finally:
        user_logged_in.disconnect(receive)


def test_staff_pages_are_closed_until_the_second_step(client, clerk):
    add_app(clerk)
    give_password(client)
    for app in ("summit/event/", "partners/organization/", "mail/message/", "auth/user/"):
        assert client.get(ADMIN + app)["Location"].startswith(LOGIN)


# The demo ----------------------------------------------------------------------------------------------------------


def test_local_demo_requires_only_the_password_and_says_so(client, clerk, settings):
    settings.DEMO_WITHOUT_SECOND_FACTOR = True
    assert "This demo runs only on this computer" in page_text(client.get(LOGIN))
    assert give_password(client)["Location"] == ADMIN
    assert is_signed_in(client)
    settings.DEMO_WITHOUT_SECOND_FACTOR = False
    assert not is_signed_in(client)
    assert "This demo" not in page_text(client.get(LOGIN))


@pytest.mark.parametrize(
    "where",
    [
        {"REMOTE_ADDR": "10.1.2.3"},
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        pytest.param({"HTTP_X_REAL_IP": "203.0.113.9"}, marks=pytest.mark.slow),
        pytest.param({"REMOTE_ADDR": ""}, marks=pytest.mark.slow),
    ],
)
def test_demo_requires_a_second_step_from_other_machines(client, clerk, settings, where):
    settings.DEMO_WITHOUT_SECOND_FACTOR = True
    form = {"username": clerk.username, "password": PASSWORD}
    assert client.post(LOGIN, form, **where)["Location"] == SET_UP
    give_password(client)
    assert is_signed_in(client)
    assert client.get(ADMIN, **where).status_code == 302
