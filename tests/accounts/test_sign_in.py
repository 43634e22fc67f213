"""Both steps of signing in, for everyone and in every order that a browser can come up with."""

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
    code_of,
    earlier,
    give_password,
    has_app,
    is_signed_in,
    signs_in,
    wrong_code,
)
from tests.web_client import page_text

pytestmark = pytest.mark.django_db


def test_password_alone_opens_nothing(client, clerk):
    has_app(clerk)
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


def test_password_and_code_open_the_page_that_was_asked_for(client, clerk):
    device = has_app(clerk)
    wanted = f"{ADMIN}summit/event/"
    page = client.get(wanted, follow=True)
    assert f'name="next" value="{wanted}"' in page.content.decode()
    give_password(client, next=wanted)
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == wanted
    assert client.get(wanted).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        *(pytest.param(url, marks=pytest.mark.slow) for url in ("//evil.example", "javascript:alert(1)")),
    ],
)
def test_other_sites_are_not_where_sign_in_leads(client, clerk, wanted):
    device = has_app(clerk)
    give_password(client, next=wanted)
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == ADMIN


@pytest.mark.slow
def test_person_without_a_factor_sees_only_the_page_that_sets_one_up(client, clerk):
    assert give_password(client)["Location"] == SET_UP
    for page in (ADMIN, ACCOUNT, f"{ADMIN}summit/rsvp/"):
        assert client.get(page, follow=True).redirect_chain[-1][0] == SET_UP
    assert client.get(SECOND_STEP)["Location"] == SET_UP


def test_setting_up_an_app_signs_in_and_gives_recovery_codes(client, clerk):
    give_password(client)
    page = client.get(SET_UP)
    device = second_factor.new_totp(client.session, clerk)
    assert "<svg" in page.content.decode()
    assert second_factor.secret_of(device) in page_text(page)
    codes_page = client.post(SET_UP, {"code": code_of(device)}, follow=True)
    codes = codes_page.context["codes"]
    assert len(set(codes)) == 10
    assert page_text(client.get(f"{ACCOUNT}recovery-codes/")).count(codes[0]) == 1  # a reload still shows them
    client.post(f"{ACCOUNT}recovery-codes/", {"next": ADMIN})
    assert client.get(f"{ACCOUNT}recovery-codes/")["Location"] == ADMIN
    assert is_signed_in(client)
    assert list(Message.objects.values_list("recipient", "kind")) == [("clerk@example.org", "factor_added")]
    stored = set(clerk.staticdevice_set.get().token_set.values_list("token", flat=True))
    assert not stored & {code.replace("-", "") for code in codes}


def test_wrong_code_sets_nothing_up(client, clerk):
    give_password(client)
    client.get(SET_UP)
    answer = client.post(SET_UP, {"code": wrong_code(second_factor.new_totp(client.session, clerk))})
    assert "That code isn’t right" in page_text(answer)
    assert not second_factor.factors_of(clerk).any
    assert not is_signed_in(client)


def test_opening_the_set_up_page_saves_no_device(client, clerk):
    give_password(client)
    for _time in range(2):
        assert client.get(SET_UP).status_code == 200
    assert not clerk.totpdevice_set.exists()


def test_key_that_one_browser_was_shown_is_not_offered_to_another(clerk):
    """Whoever knows the password sees the key, and the owner must not confirm that one later."""
    thief, owner = Client(), Client()
    for browser in (thief, owner):
        give_password(browser)
        browser.get(SET_UP)
    seen, offered = (second_factor.new_totp(browser.session, clerk) for browser in (thief, owner))
    assert seen.key != offered.key
    assert confirm(owner, seen).status_code == 200
    assert confirm(owner, offered).status_code == 302
    assert clerk.totpdevice_set.get().key == offered.key
    assert confirm(thief, seen)["Location"] == SECOND_STEP


def confirm(client: Client, device):
    return client.post(SET_UP, {"code": code_of(device)})


def test_code_that_confirmed_the_app_is_used_up(client, clerk):
    give_password(client)
    client.get(SET_UP)
    code = code_of(second_factor.new_totp(client.session, clerk))
    client.post(SET_UP, {"code": code})
    assert second_factor.check_code(clerk, code).factor == ""


def test_spaces_are_no_code(client, clerk):
    give_password(client)
    assert client.post(SET_UP, {"code": " " * 6}).status_code == 200


def test_recovery_code_works_once(clerk):
    has_app(clerk)
    code, *_others = second_factor.new_recovery_codes(clerk)
    statuses = []
    for typed in (code.upper().replace("-", " "), code):
        client = Client()
        give_password(client)
        statuses.append(client.post(SECOND_STEP, {"code": typed}).status_code)
    assert statuses == [302, 200]
    assert second_factor.factors_of(clerk).recovery_codes == 9


def test_recovery_code_of_somebody_else_opens_nothing(client, clerk):
    has_app(clerk)
    other = User.objects.create_superuser("other", "other@example.org", PASSWORD)
    code, *_others = second_factor.new_recovery_codes(other)
    second_factor.new_recovery_codes(clerk)
    give_password(client)
    assert client.post(SECOND_STEP, {"code": code}).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("age", [0, 60 * 60])
def test_code_that_was_used_or_is_an_hour_old_opens_nothing(clerk, age):
    device = has_app(clerk)
    code = code_of(device, seconds=-age)
    if not age:
        signs_in(clerk, device)
    client = Client()
    give_password(client)
    assert client.post(SECOND_STEP, {"code": code}).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.slow
def test_fifty_wrong_codes_are_stopped(client, clerk):
    device = has_app(clerk)
    give_password(client)
    answers = [client.post(SECOND_STEP, {"code": wrong_code(device)}) for _try in range(50)]
    stopped = [answer for answer in answers if answer.status_code == 429]
    assert len(stopped) > 40  # a try that comes just when a wait is over is taken
    assert all(int(answer["Retry-After"]) > 0 for answer in stopped)
    device.refresh_from_db()
    assert device.throttling_failure_count < 10
    clerk.totpdevice_set.update(throttling_failure_timestamp=timezone.now())
    assert client.post(SECOND_STEP, {"code": code_of(device)}).status_code == 429  # a code is a guess like any other


def test_wait_after_wrong_codes_ends_after_a_quarter_of_an_hour(client, clerk):
    device = has_app(clerk, throttling_failure_count=20, throttling_failure_timestamp=timezone.now())
    give_password(client)
    answer = client.post(SECOND_STEP, {"code": code_of(device)})
    assert 890 <= int(answer["Retry-After"]) <= 900
    clerk.totpdevice_set.update(throttling_failure_timestamp=timezone.now() - timedelta(minutes=15))
    assert client.post(SECOND_STEP, {"code": code_of(device)}).status_code == 302


def test_ten_wrong_codes_are_told_to_the_person_once(client, clerk):
    device = has_app(clerk)
    give_password(client)
    for count in range(9, 15):
        long_ago = timezone.now() - timedelta(days=1)
        clerk.totpdevice_set.update(throttling_failure_timestamp=long_ago)
        if count == 9:
            clerk.totpdevice_set.update(throttling_failure_count=8)
        client.post(SECOND_STEP, {"code": wrong_code(device)})
        assert Message.objects.count() == (count > 9)
    assert (Message.objects.get().kind, Message.objects.get().recipient) == ("many_wrong_codes", clerk.email)


def test_second_step_without_the_first_leads_back(client, clerk):
    device = has_app(clerk)
    for page in (SECOND_STEP, SET_UP):
        assert client.post(page, {"code": code_of(device)})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_first_step_lasts_a_quarter_of_an_hour(client, clerk):
    device = has_app(clerk)
    give_password(client)
    earlier(client, lambda session: session[sign_in.PENDING].update(since=time.time() - 16 * 60))
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == LOGIN


def test_new_password_ends_a_sign_in_that_was_half_way(client, clerk):
    device = has_app(clerk)
    give_password(client)
    clerk.set_password("another one entirely")
    clerk.save()
    assert client.post(SECOND_STEP, {"code": code_of(device)})["Location"] == LOGIN


def test_person_half_way_can_let_somebody_else_sign_in(client, clerk):
    has_app(clerk)
    give_password(client)
    assert client.get(f"{LOGIN}cancel/").status_code == 405
    assert client.post(f"{LOGIN}cancel/")["Location"] == LOGIN
    assert client.get(SECOND_STEP)["Location"] == LOGIN


def test_session_of_an_account_without_the_mark_of_a_factor_is_nobodys(clerk):
    """Whatever wrote it: this is the fence behind the sign-in page."""
    client = Client()
    client.force_login(clerk)
    assert is_signed_in(client)
    earlier(client, lambda session: session.pop(sign_in.FACTOR))
    assert client.get(ADMIN)["Location"].startswith(LOGIN)
    assert client.get(ACCOUNT)["Location"].startswith(LOGIN)
    earlier(client, lambda session: session.update({sign_in.FACTOR: sign_in.DEMO}))
    assert not is_signed_in(client)


def test_role_taken_away_closes_open_sessions(clerk):
    for change in ({"is_staff": False}, {"is_active": False}):
        client = Client()
        client.force_login(clerk)
        User.objects.filter(pk=clerk.pk).update(**change)
        assert not is_signed_in(client)
        assert client.get(ACCOUNT).status_code == 302
        User.objects.filter(pk=clerk.pk).update(is_staff=True, is_active=True)


def test_people_who_are_not_staff_cannot_sign_in(client, clerk):
    User.objects.filter(pk=clerk.pk).update(is_staff=False)
    answer = give_password(client)
    assert "don’t match" in page_text(answer)
    assert StaffSession.objects.count() == 0


def test_account_of_any_name_signs_in_by_its_address(roles):
    User.objects.create_superuser("chief", "Chief@example.org", PASSWORD)
    for name in ("chief", "chief@example.org", " CHIEF@example.org"):
        assert give_password(Client(), name=name)["Location"] == SET_UP


def test_signing_in_is_told_once_both_steps_are_through(client, clerk):
    told = []

    def hear(user, **kwargs):
        told.append(user)

    user_logged_in.connect(hear)
    try:
        device = has_app(clerk)
        give_password(client)
        assert told == []
        client.post(SECOND_STEP, {"code": code_of(device)})
        assert told == [clerk]
    finally:
        user_logged_in.disconnect(hear)


def test_every_staff_page_is_closed_to_whoever_is_half_way(client, clerk):
    has_app(clerk)
    give_password(client)
    for app in ("summit/event/", "partners/organization/", "mail/message/", "auth/user/"):
        assert client.get(ADMIN + app)["Location"].startswith(LOGIN)


# The demo ----------------------------------------------------------------------------------------------------------


def test_demo_on_this_machine_asks_for_the_password_alone_and_says_so(client, clerk, settings):
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
def test_demo_asks_others_for_a_second_step(client, clerk, settings, where):
    settings.DEMO_WITHOUT_SECOND_FACTOR = True
    form = {"username": clerk.username, "password": PASSWORD}
    assert client.post(LOGIN, form, **where)["Location"] == SET_UP
    give_password(client)
    assert is_signed_in(client)
    assert client.get(ADMIN, **where).status_code == 302
