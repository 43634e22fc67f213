"""The user's own account (second factors, recovery codes, sessions), and superusers managing others' accounts."""

import re
import time

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from imagine.accounts import forms, second_factor, sessions, sign_in
from imagine.accounts.models import Passkey, StaffSession
from imagine.accounts.security_events import AccountEventKind
from imagine.core.models import RateLimitCount, SecurityEvent, SecurityEventKind
from imagine.mail import queue
from imagine.mail.models import Message
from tests.accounts.district import District, come_back
from tests.accounts.people import (
    ACCOUNT,
    ADMIN,
    LOGIN,
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
CONFIRM = f"{ACCOUNT}confirm/"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.fixture
def chief(roles) -> User:
    return User.objects.create_superuser("chief", "chief@example.org", first_name="Luz")


def signed_in(user: User, **headers) -> Client:
    client = Client(**headers)
    client.force_login(user)
    return client


# Sessions ----------------------------------------------------------------------------------------------------------


def sign_in_by_password(clerk: User, district: District, *, shared: bool) -> Client:
    return sign_in_with_app(clerk, **({"shared_computer": "on"} if shared else {}))


def sign_in_at_the_district(clerk: User, district: District, *, shared: bool) -> Client:
    client, device = Client(), add_app(clerk)
    response = come_back(client, district, query={"shared": "1"} if shared else {}, email=clerk.email)
    assert response["Location"] == SECOND_STEP
    client.post(SECOND_STEP, {"code": code_of(device)})
    return client


@pytest.mark.slow
@pytest.mark.parametrize("way_in", [sign_in_by_password, sign_in_at_the_district])
@pytest.mark.parametrize(
    ("shared", "idle", "age", "stays_signed_in"),
    [
        (False, 29, 60, True),
        (False, 31, 60, False),
        (True, 9, 60, True),
        (True, 11, 60, False),
        (False, 5, 12 * 60 - 5, True),
        (False, 5, 12 * 60 + 1, False),
    ],
)
def test_session_ends_when_idle_or_after_12_hours(clerk, district, way_in, shared, idle, age, stays_signed_in):
    client = way_in(clerk, district, shared=shared)
    now = time.time()
    change_session(
        client,
        lambda session: session.update({sessions.LAST_USED_AT: now - idle * 60, sessions.SIGNED_IN_AT: now - age * 60}),
    )
    assert is_signed_in(client) == stays_signed_in


def test_session_is_extended_by_page_views_but_not_by_scripts(clerk):
    client = sign_in_with_app(clerk)
    before = int(time.time()) - 20 * 60
    change_session(client, lambda session: session.update({sessions.LAST_USED_AT: before}))
    client.get(ADMIN, headers={"Sec-Fetch-Mode": "cors"})
    client.get("/imagine/")
    assert client.session[sessions.LAST_USED_AT] == before
    client.get(ADMIN)
    assert client.session[sessions.LAST_USED_AT] > before


def test_page_shows_session_time_left_and_session_can_be_extended(clerk):
    status, client = "/imagine/admin/account/session/", sign_in_with_app(clerk)
    assert re.search('data-seconds="(1800|179.)"', client.get(ACCOUNT).content.decode())  # a slow machine takes a while
    before = int(time.time()) - 29 * 60
    change_session(client, lambda session: session.update({sessions.LAST_USED_AT: before}))
    for headers in ({"Sec-Fetch-Mode": "cors"}, {}):  # over HTTP, and by older browsers, the header isn't sent
        assert 50 < client.get(status, headers=headers).json()["seconds"] <= 60
    response = client.post(status, headers={"Sec-Fetch-Mode": "cors"}).json()
    assert (response["seconds"] >= 1799, response["user"]) == (True, str(clerk.pk))
    change_session(client, lambda session: session.update({sessions.SIGNED_IN_AT: before - (11 * 60 + 30) * 60}))
    assert 50 < client.post(status, headers={"Sec-Fetch-Mode": "cors"}).json()["seconds"] <= 60
    assert Client().post(status).json() == {"seconds": 0}
    assert "session-end" not in Client().get(LOGIN).content.decode()


def test_session_cookie_expires_when_the_browser_closes(clerk):
    cookie = sign_in_with_app(clerk).cookies["sessionid"]
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    assert cookie["path"] == "/imagine/"


def test_expired_sessions_are_deleted(clerk):
    client = sign_in_with_app(clerk)
    sessions.SessionStore.clear_expired()
    assert is_signed_in(client)
    StaffSession.objects.update(expire_date="2020-01-01T00:00Z")
    sessions.SessionStore.clear_expired()
    assert not StaffSession.objects.exists()


def test_public_pages_do_not_create_a_session(clerk, client, django_assert_num_queries):
    client.get("/imagine/privacy/")
    assert not StaffSession.objects.exists()
    assert "sessionid" not in client.cookies


def test_account_page_lists_and_ends_sessions(clerk):
    current = signed_in(clerk, REMOTE_ADDR="10.20.30.40", HTTP_USER_AGENT=CHROME)
    others = [signed_in(clerk), signed_in(clerk)]
    other_user = signed_in(User.objects.create_superuser("stranger"))
    current.get(ADMIN)
    StaffSession.objects.filter(pk=others[0].session.session_key).update(browser="Firefox, macOS", network="10.9.8.0")
    page = current.get(ACCOUNT)
    assert "Firefox, macOS" in page_text(page)
    assert "Network: 10.9.8.0" in page_text(page)
    html = page.content.decode()
    assert all(browser.session.session_key not in html for browser in (current, *others, other_user))
    ids = re.findall(r'name="session"\s+value="(\w+)"', html)
    assert len(ids) == 2
    other_id = StaffSession.objects.get(pk=other_user.session.session_key).public_id
    current.post(f"{ACCOUNT}sessions/end/", {"session": other_id})
    assert is_signed_in(other_user)
    first = StaffSession.objects.get(pk=others[0].session.session_key).public_id
    assert "1 session ended" in page_text(current.post(f"{ACCOUNT}sessions/end/", {"session": first}, follow=True))
    assert [is_signed_in(browser) for browser in (*others, current, other_user)] == [False, True, True, True]
    current.post(f"{ACCOUNT}sessions/end/")
    assert [is_signed_in(browser) for browser in (*others, current, other_user)] == [False, False, True, True]


def test_session_stores_network_and_browser(clerk):
    device = add_app(clerk)
    client = Client(REMOTE_ADDR="2001:db8:1:2::3", HTTP_USER_AGENT=CHROME)
    give_password(client)
    client.post(SECOND_STEP, {"code": code_of(device)})
    row = StaffSession.objects.get(user=clerk)
    assert (row.network, row.browser, row.is_shared_computer) == ("2001:db8:1::/48", "Chrome, Windows", False)


def test_password_change_ends_open_sessions(clerk):
    current, elsewhere = signed_in(clerk), signed_in(clerk)
    clerk.set_password("another one entirely")
    clerk.save()
    assert not is_signed_in(current)
    assert not is_signed_in(elsewhere)


# Second factors ----------------------------------------------------------------------------------------------------


def test_account_page_shows_second_steps_and_recovery_codes(clerk):
    client = signed_in(clerk)
    assert "You haven’t set up a second step yet." in page_text(client.get(ACCOUNT))
    add_app(clerk)
    second_factor.new_recovery_codes(clerk)
    account_text = page_text(client.get(ACCOUNT))
    assert "You have 10 recovery codes left." in account_text
    assert "Remove" not in account_text  # the only one


def test_authenticator_app_is_replaced_once_the_new_one_is_confirmed(clerk):
    old = add_app(clerk)
    client = signed_in(clerk)
    client.get(f"{ACCOUNT}authenticator-app/")
    new = second_factor.new_totp(client.session, clerk)
    client.post(f"{ACCOUNT}authenticator-app/", {"code": wrong_code(new)})
    assert second_factor.factors_of(clerk).totp == old
    response = client.post(f"{ACCOUNT}authenticator-app/", {"code": code_of(new)})
    assert response["Location"] == f"{ACCOUNT}recovery-codes/"
    assert second_factor.factors_of(clerk).totp.key == new.key
    assert clerk.totpdevice_set.count() == 1


def test_new_recovery_codes_replace_the_old_ones(clerk):
    add_app(clerk)
    old, *_rest = second_factor.new_recovery_codes(clerk)
    client = signed_in(clerk)
    page = client.post(f"{ACCOUNT}recovery-codes/new/", follow=True)
    new = page.context["codes"][0]
    assert [email.kind for email in Message.objects.all()] == ["recovery_codes_replaced"]
    assert [second_factor.check_code(clerk, code).factor for code in (new, old)] == [second_factor.RECOVERY_CODE, ""]


def test_last_second_step_cannot_be_removed(clerk):
    add_app(clerk)
    client = signed_in(clerk)
    assert "at least one second step" in page_text(client.post(f"{ACCOUNT}remove/", follow=True))
    passkey = Passkey.objects.create(user=clerk, name="Laptop", credential_id=b"1", data=b"")
    other = Passkey.objects.create(user=User.objects.create_user("other"), name="Theirs", credential_id=b"2", data=b"")
    client.post(f"{ACCOUNT}remove/", {"passkey": other.pk})
    assert Passkey.objects.count() == 2
    client.post(f"{ACCOUNT}remove/", {"passkey": passkey.pk})
    assert second_factor.factors_of(clerk).count == 1
    assert list(Message.objects.values_list("kind", flat=True)) == ["factor_removed"]


def test_removing_an_invalid_passkey_id_is_not_an_error(subtests, clerk):
    add_app(clerk)
    Passkey.objects.create(user=clerk, name="Laptop", credential_id=b"1", data=b"")
    client = signed_in(clerk)
    for passkey in ["9" * 40, "²", "-1", "\x00"]:
        with subtests.test(passkey=passkey):
            assert client.post(f"{ACCOUNT}remove/", {"passkey": passkey}).status_code == 302


# Confirming sign-in changes with a second step ---------------------------------------------------------------------


def sign_in_earlier(user: User, minutes: int = 11) -> Client:
    """Sign in at a browser that was then left open."""
    client = signed_in(user)
    change_session(client, lambda session: session.update({sign_in.CONFIRMED_AT: time.time() - minutes * 60}))
    return client


def pages_that_ask_for_a_factor(user: User) -> dict[str, list[str]]:
    """Return the pages that first ask for a second factor, by method."""
    role = user.groups.get()
    pages = [f"{ACCOUNT}authenticator-app/", f"{ACCOUNT}passkey/", f"{ADMIN}auth/user/add/", f"{ADMIN}auth/group/add/"]
    pages += [f"{ADMIN}auth/user/{user.pk}/{page}/" for page in ("change", "password", "reset-second-step", "delete")]
    pages += [f"{ADMIN}auth/group/{role.pk}/{page}/" for page in ("change", "delete")]
    lists = [f"{ADMIN}auth/user/", f"{ADMIN}auth/group/"]
    return {"get": pages, "post": [*pages, *lists, f"{ACCOUNT}recovery-codes/new/", f"{ACCOUNT}remove/"]}


@pytest.mark.slow
def test_account_changes_require_a_recently_confirmed_second_step(chief, clerk):
    add_app(chief)
    Passkey.objects.create(user=chief, name="Laptop", credential_id=b"1", data=b"")
    second_factor.new_recovery_codes(chief)
    for method, minutes in (("get", 11), ("post", 21)):
        client = sign_in_earlier(chief, minutes)
        for page in pages_that_ask_for_a_factor(clerk)[method]:
            assert getattr(client, method)(page)["Location"].startswith(CONFIRM), page
    assert second_factor.factors_of(chief).count == 2
    assert not Message.objects.exists()


def test_form_opened_within_10_minutes_can_be_submitted_within_20(clerk):
    add_app(clerk)
    client = sign_in_earlier(clerk, 9)
    assert client.get(f"{ACCOUNT}authenticator-app/").status_code == 200
    device = second_factor.new_totp(client.session, clerk)
    change_session(client, lambda session: session.update({sign_in.CONFIRMED_AT: time.time() - 19 * 60}))
    client.post(f"{ACCOUNT}authenticator-app/", {"code": code_of(device)})
    assert second_factor.factors_of(clerk).totp.key == device.key


def test_confirming_with_a_code_redirects_to_the_requested_page(clerk):
    device = add_app(clerk)
    client = sign_in_earlier(clerk)
    page = client.get(f"{ACCOUNT}passkey/", follow=True)
    assert "Before you change how someone signs in" in page_text(page)
    [(confirm_url, _status)] = page.redirect_chain
    assert client.post(confirm_url, {"code": wrong_code(device)}).status_code == 200
    assert client.get(f"{ACCOUNT}passkey/").status_code == 302
    assert SecurityEvent.objects.filter(kind=AccountEventKind.SECOND_FACTOR_FAILED, user=clerk).exists()
    clerk.totpdevice_set.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert client.post(confirm_url, {"code": code_of(device)})["Location"] == f"{ACCOUNT}passkey/"
    assert client.get(f"{ACCOUNT}passkey/").status_code == 200


def test_posted_action_must_be_repeated_after_confirming(clerk):
    device = add_app(clerk)
    client = sign_in_earlier(clerk, 21)
    confirm_url = client.post(f"{ACCOUNT}recovery-codes/new/")["Location"]
    page = client.post(confirm_url, {"code": code_of(device)}, follow=True)
    assert page.request["PATH_INFO"] == ACCOUNT
    assert "You can make your change now." in page_text(page)
    assert client.post(f"{ACCOUNT}recovery-codes/new/")["Location"] == f"{ACCOUNT}recovery-codes/"


def test_new_recovery_codes_are_not_shown_without_recent_confirmation(clerk):
    add_app(clerk)
    client = signed_in(clerk)
    [code, *_rest] = client.post(f"{ACCOUNT}recovery-codes/new/", follow=True).context["codes"]
    change_session(client, lambda session: session.update({sign_in.CONFIRMED_AT: time.time() - 11 * 60}))
    page = client.get(f"{ACCOUNT}recovery-codes/", follow=True)
    assert page.redirect_chain[0][0].startswith(CONFIRM)
    assert code not in page.content.decode()


def test_account_without_a_second_step_can_add_one_without_confirming(clerk):
    """In the demo a password is enough."""
    client = sign_in_earlier(clerk, 60)
    assert client.get(f"{ACCOUNT}authenticator-app/").status_code == 200
    assert client.get(CONFIRM)["Location"] == ACCOUNT


# Superusers --------------------------------------------------------------------------------------------------------


def test_new_account_is_created_and_set_up_by_the_emailed_link(chief, mailbox_link):
    client = signed_in(chief)
    role = Group.objects.get(name="Viewer")
    form = {"name": "Ben Ochoa", "email": "Ben@Example.org", "role": role.pk}
    page = client.post(f"{ADMIN}auth/user/add/", form, follow=True)
    assert "Account created. We emailed ben@example.org a link to choose a password." in page_text(page)
    user = User.objects.get(username="ben@example.org")
    assert (user.first_name, user.is_staff, list(user.groups.all())) == ("Ben Ochoa", True, [role])

    newcomer = Client()
    path = mailbox_link("ben@example.org")
    page = newcomer.get(path, follow=True)
    password = "breakfast at eight"
    response = newcomer.post(page.request["PATH_INFO"], {"new_password1": password, "new_password2": password})
    assert response["Location"] == LOGIN
    assert "more than three days old" in page_text(Client().get(path, follow=True))  # works only once
    assert give_password(newcomer, password, name="Ben@example.org")["Location"] == SET_UP
    newcomer.get(SET_UP)
    newcomer.post(SET_UP, {"code": code_of(second_factor.new_totp(newcomer.session, user))})
    assert is_signed_in(newcomer)


@pytest.fixture
def mailbox_link():
    """Return the link in the only email to an address."""

    def link(recipient: str) -> str:
        text = Message.objects.get(recipient=recipient).body_text
        return re.search(r"https?://[^/\s]+(/imagine/admin/password/\S+)", text)[1]

    return link


def test_new_account_with_an_email_in_use_is_refused(chief, clerk):
    form = {"name": "Ana", "email": "CLERK@example.org", "role": Group.objects.first().pk}
    page = signed_in(chief).post(f"{ADMIN}auth/user/add/", form)
    assert "There’s already an account with this email address." in page_text(page)
    assert Message.objects.count() == 0


def test_forgotten_password_answers_the_same_and_emails_only_staff(client, clerk, mailbox_link):
    User.objects.create_user("guest", "guest@example.org")
    pages = [
        page_text(client.post(f"{ADMIN}password/forgot/", {"email": email}, follow=True))
        for email in ("CLERK@example.org", "guest@example.org", "nobody@example.org")
    ]
    assert len(set(pages)) == 1
    assert Message.objects.get().recipient == "clerk@example.org"
    assert client.get(mailbox_link("clerk@example.org")).status_code == 302


def test_forgotten_password_emails_are_limited_per_10_minutes_and_per_day(client, clerk):
    def ask() -> tuple[str, int]:
        page = client.post(f"{ADMIN}password/forgot/", {"email": "clerk@example.org"}, follow=True)
        return page_text(page), Message.objects.count()

    first, second = ask(), ask()
    assert first == (second[0], 1) == second
    for _time in range(12):
        RateLimitCount.objects.filter(key__contains=" 10 minutes").delete()
        ask()
    assert Message.objects.count() == 10


@pytest.mark.parametrize("taken", ["BEN@example.org", "chief2@example.org"])
def test_changing_to_an_email_in_use_is_refused(chief, clerk, taken):
    User.objects.create_user("ben@example.org", "ben@example.org", is_staff=True)
    User.objects.create_user("second", "Chief2@example.org", is_staff=True)
    form = {"username": clerk.username, "first_name": "Ana", "email": taken, "is_active": "on", "is_staff": "on"}
    response = signed_in(chief).post(f"{ADMIN}auth/user/{clerk.pk}/change/", form)
    assert "There’s already an account with this email address." in page_text(response)
    clerk.refresh_from_db()
    assert clerk.email == "clerk@example.org"


@pytest.mark.slow
def test_email_taken_by_another_account_at_the_same_time_is_refused(chief, clerk, monkeypatch):
    """Both forms found the address unused; the database decides."""
    monkeypatch.setattr(forms, "is_email_taken", lambda email, **others: False)
    client, role = signed_in(chief), Group.objects.first()
    chief_page, new_page = f"{ADMIN}auth/user/{chief.pk}/change/", f"{ADMIN}auth/user/add/"
    form = {
        "username": "chief",
        "email": "CLERK@example.org",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    for page, fields in (
        (chief_page, form),
        (new_page, {"name": "Ana", "email": "CLERK@example.org", "role": role.pk}),
    ):
        response = client.post(page, fields, follow=True)
        assert response.redirect_chain == [(page, 302)]
        assert "There’s already an account with this email address." in page_text(response)
    assert User.objects.filter(email__iexact="clerk@example.org").get() == clerk


@pytest.mark.parametrize(("email", "status"), [("", 302), (f"{'a' * 60}@{'b' * 60}.{'c' * 60}.org", 200)])
def test_email_that_cannot_be_a_username_leaves_it_unchanged(chief, clerk, email, status):
    form = {"username": clerk.username, "first_name": "Ana", "email": email, "is_active": "on", "is_staff": "on"}
    assert signed_in(chief).post(f"{ADMIN}auth/user/{clerk.pk}/change/", form).status_code == status
    clerk.refresh_from_db()
    assert clerk.username == "clerk@example.org"


def test_superuser_resetting_a_second_step_is_recorded_and_emailed(chief, clerk):
    device = add_app(clerk)
    code, *_rest = second_factor.new_recovery_codes(clerk)
    Passkey.objects.create(user=clerk, name="Laptop", credential_id=b"1", data=b"")
    open_browser, superuser = sign_in_with_app(clerk, device), signed_in(chief)
    page = f"{ADMIN}auth/user/{clerk.pk}/reset-second-step/"
    assert "Reset second step?" in page_text(superuser.get(page))
    assert second_factor.factors_of(clerk).count == 2
    assert "Second step reset. We emailed clerk@example.org about it." in page_text(superuser.post(page, follow=True))
    assert not second_factor.factors_of(clerk).any
    assert not is_signed_in(open_browser)
    assert second_factor.check_code(clerk, code).factor == ""
    email = Message.objects.get()
    assert (email.kind, email.recipient) == ("factors_reset", "clerk@example.org")
    assert "Luz reset the second step" in " ".join(email.body_text.split())
    event = SecurityEvent.objects.about(clerk).get(kind=AccountEventKind.SECOND_FACTOR_RESET)
    assert event.user == chief
    assert give_password(Client())["Location"] == SET_UP
    assert "There was no second step to reset for clerk@example.org." in page_text(superuser.post(page, follow=True))
    assert Message.objects.count() == 1


def test_superuser_changing_a_password_is_recorded_and_emailed(chief, clerk):
    password = "breakfast at eight"
    form = {"password1": password, "password2": password, "usable_password": "true", "set-password": "1"}
    response = signed_in(chief).post(f"{ADMIN}auth/user/{clerk.pk}/password/", form)
    assert response.status_code == 302
    assert give_password(Client(), password)["Location"] == SET_UP
    email = Message.objects.get()
    assert (email.kind, email.recipient) == ("password_changed", "clerk@example.org")
    assert "Luz changed the password" in " ".join(email.body_text.split())
    assert SecurityEvent.objects.about(clerk).filter(kind=SecurityEventKind.PASSWORD_CHANGED, user=chief).exists()


def test_only_superusers_can_reset_a_second_step_and_add_accounts(clerk):
    client = signed_in(clerk)
    add_app(clerk)
    page = f"{ADMIN}auth/user/{clerk.pk}/reset-second-step/"
    assert [client.get(page).status_code, client.post(page).status_code] == [403, 403]
    assert client.get(f"{ADMIN}auth/user/add/").status_code == 403
    assert second_factor.factors_of(clerk).any


def test_changing_the_email_changes_the_username(chief, clerk):
    client = signed_in(chief)
    form = {"username": clerk.username, "first_name": "Ana", "email": "Ana@example.org", "is_active": "on"}
    client.post(f"{ADMIN}auth/user/{clerk.pk}/change/", form | {"is_staff": "on"})
    clerk.refresh_from_db()
    assert clerk.username == "ana@example.org"


def test_deactivating_an_account_deletes_its_sessions(chief, clerk):
    signed_in(clerk)
    form = {"username": clerk.username, "first_name": "Ana", "email": clerk.email, "is_staff": "on"}
    signed_in(chief).post(f"{ADMIN}auth/user/{clerk.pk}/change/", form)
    assert not StaffSession.objects.filter(user=clerk).exists()


def save_without_role(chief: User, clerk: User) -> None:
    form = {"username": clerk.username, "first_name": "Ana", "email": clerk.email, "is_active": "on", "is_staff": "on"}
    assert signed_in(chief).post(f"{ADMIN}auth/user/{clerk.pk}/change/", form).status_code == 302


def save_without_superuser_status(chief: User, clerk: User) -> None:
    User.objects.filter(pk=clerk.pk).update(is_superuser=True)
    save_without_role(chief, clerk)


WAYS_TO_LOSE_A_ROLE = [
    save_without_role,
    save_without_superuser_status,
    lambda chief, clerk: clerk.groups.clear(),
    lambda chief, clerk: clerk.groups.set(Group.objects.filter(name="Viewer")),
    lambda chief, clerk: Group.objects.get(name="Community Relations").user_set.remove(clerk),
    lambda chief, clerk: Group.objects.get(name="Community Relations").user_set.clear(),
    lambda chief, clerk: Group.objects.get(name="Community Relations").delete(),
]


@pytest.mark.parametrize("lose_role", WAYS_TO_LOSE_A_ROLE)
def test_losing_a_role_ends_open_sessions(chief, clerk, lose_role):
    old, other = signed_in(clerk), signed_in(User.objects.create_superuser("other"))
    assert is_signed_in(old)
    lose_role(chief, clerk)
    assert not StaffSession.objects.filter(user=clerk).exists()
    for page in (ADMIN, ACCOUNT, f"{ADMIN}summit/rsvp/", f"{ADMIN}summit/rsvp/guests.csv"):
        assert old.get(page)["Location"].partition("?")[0] == LOGIN
    assert is_signed_in(other)


@pytest.mark.parametrize("kept", [{"is_staff": "on", "is_active": "on"}, {"is_superuser": "on", "is_staff": "on"}])
def test_superuser_who_gives_up_their_own_rights_is_signed_out(chief, kept):
    """For example without their rights, or without their account being active."""
    client = signed_in(chief)
    form = {"username": "chief", "first_name": "Luz", "email": chief.email, **kept}
    response = client.post(f"{ADMIN}auth/user/{chief.pk}/change/", form, follow=True)
    assert response.redirect_chain[-1][0].partition("?")[0] == LOGIN
    assert "was changed successfully" in page_text(response)


@pytest.mark.parametrize("by_action", [False, True])
def test_superuser_who_deletes_their_own_account_is_signed_out(chief, by_action):
    client = signed_in(chief)
    page = f"{ADMIN}auth/user/" if by_action else f"{ADMIN}auth/user/{chief.pk}/delete/"
    action = {"action": "delete_selected", "_selected_action": [chief.pk]} if by_action else {}
    response = client.post(page, action | {"post": "yes"}, follow=True)
    assert not User.objects.filter(pk=chief.pk).exists()
    assert response.redirect_chain[-1][0].partition("?")[0] == LOGIN


def test_getting_a_role_or_a_permission_ends_no_session(clerk):
    client = signed_in(clerk)
    clerk.groups.add(Group.objects.get(name="Viewer"))
    assert is_signed_in(client)


def test_second_step_secrets_have_no_admin_page(chief, clerk):
    device = add_app(clerk)
    client = signed_in(chief)
    for page in ("otp_totp/totpdevice/", f"otp_totp/totpdevice/{device.pk}/config/", "otp_static/staticdevice/"):
        assert client.get(ADMIN + page).status_code == 404


def test_only_superusers_can_see_emails_about_accounts(chief, clerk):
    second_factor.announce_added(clerk, second_factor.TOTP)
    second_factor.reset(clerk, by=chief)
    message = Message.objects.get()
    page = f"{ADMIN}mail/message/{message.pk}/change/"
    assert signed_in(chief).get(page).status_code == 200
    assert signed_in(clerk).get(page).status_code == 302
    assert message.subject not in page_text(signed_in(clerk).get(f"{ADMIN}mail/message/"))


def test_reset_second_step_command(chief):
    add_app(chief)
    call_command("reset_second_step", "chief")
    assert not second_factor.factors_of(chief).any
    assert "An administrator reset" in " ".join(Message.objects.get().body_text.split())
    for name in ("chief", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_step", name)


def test_email_about_an_account_cannot_be_resent(chief, clerk):
    second_factor.announce_added(clerk, second_factor.TOTP)
    Message.objects.update(state=Message.State.SENT, sent_at=timezone.now())
    with pytest.raises(queue.CannotResend):
        queue.resend(Message.objects.get())
    assert Message.objects.count() == 1
