"""Single sign-on with the district's OpenID Connect."""

import socket
import threading
import time

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError
from django.test import Client

from imagine.accounts import second_factor, single_sign_on
from imagine.accounts.models import SsoIdentity
from imagine.core.models import SecurityEvent
from tests.accounts.district import BACK, OTHER_KEY, START, come_back
from tests.accounts.people import LOGIN, PASSWORD, SET_UP, code_of, is_signed_in
from tests.web_client import page_text

pytestmark = pytest.mark.django_db


def test_group_member_gets_an_account_with_its_role_and_needs_a_second_step(client, district):
    assert come_back(client, district)["Location"] == SET_UP
    user = User.objects.get()
    assert (user.username, user.first_name, user.is_staff, user.is_superuser) == (
        "ben@example.org",
        "Ben Ochoa",
        True,
        False,
    )
    assert not user.has_usable_password()
    assert [group.name for group in user.groups.all()] == ["Community Relations"]
    assert not is_signed_in(client)
    client.get(SET_UP)
    client.post(SET_UP, {"code": code_of(second_factor.new_totp(client.session, user))})
    assert is_signed_in(client)
    assert district.forms[0]["client_secret"] == "s3cret"
    assert district.forms[0]["redirect_uri"].endswith(BACK)


TENANT = "https://login.microsoftonline.com/01234567-89ab-cdef-0123-456789abcdef/v2.0"
COMMON = "https://login.microsoftonline.com/common/v2.0"


@pytest.mark.parametrize(
    ("issuer", "claims", "is_verified"),
    [
        (TENANT, {"xms_edov": True}, True),
        (TENANT, {"xms_edov": "1"}, True),
        (TENANT, {"xms_edov": False}, False),
        (TENANT, {"xms_edov": "0"}, False),
        (TENANT, {"xms_edov": [True]}, False),
        (TENANT, {"email_verified": True}, False),  # Entra doesn't send this claim unless someone maps it
        (TENANT, {}, False),
        (COMMON, {"xms_edov": True}, False),
        ("https://login.example.org", {"xms_edov": True}, False),
        ("https://login.example.org", {"email_verified": True}, True),
    ],
)
def test_email_is_trusted_only_if_the_issuer_verified_it(issuer, claims, is_verified):
    assert single_sign_on.is_email_verified({"iss": issuer, **claims}) == is_verified


def test_multi_tenant_issuer_is_refused(client, district, monkeypatch):
    """Like Microsoft's `common`: its issuer isn't its address, and tokens of any tenant would be accepted."""
    original_answer = district.answer
    monkeypatch.setattr(
        district, "answer", lambda path: original_answer(path) | {"issuer": "https://login/{tenantid}/v2.0"}
    )
    assert client.get(START)["Location"] == LOGIN


def test_concurrent_creation_of_the_same_account_is_refused(client, district, monkeypatch):
    def create_again(**fields):
        raise IntegrityError

    monkeypatch.setattr(SsoIdentity.objects, "create", create_again)
    assert come_back(client, district)["Location"] == LOGIN
    assert not User.objects.exists()


HOUR_AGO = int(time.time()) - 3600


WRONG_TOKENS = [
    {"exp": HOUR_AGO},
    {"exp": None},
    {"aud": "another"},
    {"aud": None},
    {"aud": ["another", "one"]},
    {"azp": "another"},
    {"iss": "https://evil.example.org"},
    {"sub": None},
    {"iat": None},
    {"nonce": "of another sign-in"},
    {"nonce": None},
    {"nonce": ["x"]},
    {"groups": "promise-office"},
    {"groups": {"promise-office": True}},
    {"groups": [["promise-office"]]},
    {"groups": ["promise"]},
    {"groups": []},
    {"groups": None},
    {"email": None},
    {"email": ["ben@example.org"]},
    {"email_verified": False},
    {"email_verified": None},
    {"email_verified": "false"},
    {"state": "of another browser"},
    {"state": ""},
]


def test_invalid_tokens_are_refused(subtests, district):
    for changed in WRONG_TOKENS:
        with subtests.test(**changed):
            client = Client()
            assert come_back(client, district, **changed)["Location"] == LOGIN
            assert "couldn’t sign you in" in page_text(client.get(LOGIN))
            assert not User.objects.exists()


@pytest.mark.parametrize(("key", "algorithm"), [(OTHER_KEY, "RS256"), (None, "none"), ("s3cret" * 8, "HS256")])
def test_tokens_not_signed_by_the_district_are_refused(client, district, key, algorithm):
    district.key, district.algorithm = key, algorithm
    assert come_back(client, district)["Location"] == LOGIN
    assert not User.objects.exists()


def test_callback_works_once_and_only_in_the_browser_that_started_it(client, district):
    come_back(client, district)
    query = {"code": "abc", "state": "x"}
    assert client.get(BACK, query)["Location"] == LOGIN
    assert Client().get(BACK, query)["Location"] == LOGIN
    assert Client().get(BACK)["Location"] == LOGIN


def test_roles_follow_the_groups_at_every_sign_in(district):
    come_back(Client(), district)
    user = User.objects.get()
    come_back(Client(), district, groups=["promise-board"], email="new@example.org")
    assert [group.name for group in user.groups.all()] == ["Viewer"]
    open_browser = Client()
    open_browser.force_login(user)
    assert come_back(Client(), district, groups=["all-staff"])["Location"] == LOGIN
    assert not user.groups.exists()
    assert not is_signed_in(open_browser)


def test_account_with_the_same_email_is_linked_unless_superuser_or_linked(district):
    existing = User.objects.create_user("ben@example.org", "ben@example.org", PASSWORD)
    assert come_back(Client(), district)["Location"] == SET_UP
    assert SsoIdentity.objects.get().user == existing
    assert come_back(Client(), district, sub="67890")["Location"] == LOGIN
    User.objects.create_superuser("chief", "chief@example.org")
    assert come_back(Client(), district, sub="55555", email="chief@example.org")["Location"] == LOGIN
    assert not User.objects.get(username="chief").groups.filter(pk__in=Group.objects.all()).exists()


def test_deactivated_account_cannot_sign_in(district):
    come_back(Client(), district)
    User.objects.update(is_active=False)
    assert come_back(Client(), district)["Location"] == LOGIN


def test_unreachable_district_shows_an_error(client, district, settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    assert client.get(START)["Location"] == LOGIN
    assert "can’t reach the district’s sign-in right now" in page_text(client.get(LOGIN))


def test_single_sign_on_is_off_without_its_settings(client, db):
    assert [client.get(START).status_code, client.get(BACK).status_code] == [404, 404]
    assert "district account" not in page_text(client.get(LOGIN))


def test_sign_in_page_offers_single_sign_on_as_a_link(client, district):
    """The content security policy blocks a form whose response redirects to another site."""
    page = client.get(LOGIN, {"next": "/imagine/admin/summit/event/"}).content.decode()
    link = f'href="{START}?next=/imagine/admin/summit/event/"'
    assert link in page
    assert f'action="{START}"' not in page
    assert client.post(START).status_code == 405
    client.get(START, {"next": "/imagine/admin/summit/event/"})
    assert client.session[single_sign_on.STATE]["next"] == "/imagine/admin/summit/event/"
    assert f'href="{START}?shared=1&amp;next=/imagine/admin/summit/event/"' in page


def test_response_that_is_not_http_redirects_to_login(client, settings, roles):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.OIDC_ISSUER = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=answer_nonsense, args=(listener,))
        thread.start()
        assert client.get(START)["Location"] == LOGIN
        thread.join()


def answer_nonsense(listener: socket.socket) -> None:
    connection, _address = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"nonsense\r\n\r\n")


def test_failed_callback_is_recorded_only_if_sign_in_was_started(client, district):
    earlier_count = SecurityEvent.objects.count()
    for _time in range(3):
        assert client.get(BACK, {"code": "abc", "state": "x"})["Location"] == LOGIN
    assert SecurityEvent.objects.count() == earlier_count
    come_back(client, district, state="of another browser")
    assert SecurityEvent.objects.count() == earlier_count + 1
