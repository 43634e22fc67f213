"""Rules for every URL: GET changes nothing, invalid links reveal nothing, headers, language, and rate limits."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.models import F
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from imagine.core import rate_limit
from imagine.core.links import new_token
from imagine.core.models import RateLimitCount
from imagine.mail.models import Message
from imagine.mail.preferences import get_preference
from summit import seats
from summit.models import Event, LinkRequest, Rsvp
from tests import factories, snapshots, web_client
from tests.partners.pledge_form import selected, signature, submit

LINKS = ("rsvp", "change_party", "cancel_rsvp", "reinstate_rsvp", "rsvp_calendar")
PUBLIC = ("landing", "find_rsvp", "found_rsvp", "privacy", "accessibility", "live", "ready")

pytestmark = pytest.mark.django_db


def addresses(rsvp: Rsvp) -> list[str]:
    event = rsvp.event
    return [
        *(reverse(name) for name in PUBLIC),
        event.get_absolute_url(),
        reverse("event_calendar", args=[event.slug]),
        *(reverse(name, args=[rsvp.token]) for name in LINKS),
        "/imagine/nothing/here/",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_safe_methods_write_no_row_in_any_table(client, method):
    event = factories.event(capacity=2)
    parties = [
        factories.rsvp(event, "Alma", size=2),
        factories.rsvp(event, "Waits"),
        seats.cancel(factories.rsvp(event, "Off")),
    ]
    before = snapshots.tables()
    for rsvp in parties:
        for address in addresses(rsvp):
            assert getattr(client, method)(address).status_code < 500
    assert snapshots.tables() == before


# Invalid links ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_invalid_and_deleted_links_get_one_constant_page():
    rsvp = factories.rsvp(factories.event())
    deleted = factories.rsvp(rsvp.event, "Erased")
    seats.delete_rsvp(deleted)
    token = rsvp.token
    other_case = token.swapcase()
    wrong = [new_token(), deleted.token, token[:-1], token + "A", other_case, token[:-1] + "%00", "x" * 5000, "../" * 5]
    pages = set()
    for link in wrong:
        for tail in ("", "cancel/", "calendar.ics"):
            response = Client().get(f"/imagine/rsvp/{link}/{tail}")
            assert response.status_code == 404
            pages.add((response.content, response["Content-Type"]))
        for tail in ("party/", "cancel/", "return/"):
            response = Client().post(f"/imagine/rsvp/{link}/{tail}", {"size": "2"})
            assert response.status_code == 404
            pages.add((response.content, response["Content-Type"]))
    [(page, _kind)] = pages
    assert "This link doesn’t work".encode() in page
    assert snapshots.seats(rsvp.event) == [("Alma Reyes", 1, 0)]


def test_pages_show_no_link_they_were_not_opened_with(client):
    rsvp = factories.rsvp(factories.event())
    for address in addresses(rsvp):
        if rsvp.token not in address:
            assert rsvp.token not in client.get(address).content.decode()


# Headers ------------------------------------------------------------------------------------------------------------


def responses_of_every_kind(rsvp: Rsvp) -> dict:
    staff, plain = Client(), Client(raise_request_exception=False)
    staff.force_login(User.objects.create_superuser("staff"))
    csrf_client = Client(enforce_csrf_checks=True)
    event = rsvp.event.get_absolute_url()
    return {
        **{f"GET {address}": plain.get(address) for address in addresses(rsvp)},
        "301": plain.get("/imagine/privacy"),
        "302": plain.get("/"),
        "302 to sign in": plain.get("/imagine/admin/"),
        "303": plain.post(event, web_client.rsvp_form(email="new@example.org")),
        "400": plain.get("/imagine/", headers={"host": "evil.example.com"}),
        "403": csrf_client.post(event, web_client.rsvp_form()),
        "409": Client().post(event, web_client.rsvp_form(email=rsvp.email)),
        "405": plain.put(event),
        "413": plain.post(event, web_client.rsvp_form(note="x" * 600_000)),
        "415": plain.post(event, "{}", content_type="application/json"),
        "422": plain.post(event, {}),
        "static": plain.get("/imagine/static/css/site.css"),
        "admin login": plain.get("/imagine/admin/login/"),
        "admin": staff.get("/imagine/admin/"),
        "admin list": staff.get("/imagine/admin/summit/rsvp/"),
        "admin form": staff.get(f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/"),
        "500": failing_response(event, ValueError),
        "503": failing_response(event, OperationalError),
        "admin message": staff.get(f"/imagine/admin/mail/message/{Message.objects.first().pk}/change/"),
    }


def failing_response(url: str, error: type[Exception]) -> HttpResponse:
    def fail(*args, **kwargs):
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("summit.views.public.page_state", fail)
        return Client(raise_request_exception=False).get(url)


@pytest.mark.slow
def test_every_response_has_security_headers_and_no_inline_code():
    for kind, response in responses_of_every_kind(factories.rsvp(factories.event())).items():
        assert kind not in {"500", "503"} or response.status_code == int(kind), kind
        policy = response.get("Content-Security-Policy", "")
        assert "default-src 'none'" in policy, kind
        assert "unsafe-" not in policy, kind
        assert "http" not in policy, kind
        assert "data:" not in policy, kind
        assert response["X-Content-Type-Options"] == "nosniff", kind
        assert response["Referrer-Policy"] == "strict-origin", kind
        assert response["Cross-Origin-Resource-Policy"] == "same-origin", kind
        assert response["Cross-Origin-Opener-Policy"] == "same-origin", kind
        assert "camera=(), " in response["Permissions-Policy"], kind
        assert response["Cache-Control"], kind
        if response.streaming:
            response.close()
        else:
            page = response.content.decode()
            assert " style=" not in page, kind
            assert "<style" not in page, kind
            assert " onclick=" not in page, kind


def test_pages_cannot_be_framed(client):
    response = client.get("/imagine/")
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_public_pages_are_not_stored_in_shared_caches(client):
    event = factories.event()
    urls = [reverse(name) for name in ("landing", "find_rsvp", "pledge_begin", "partners", "privacy")]
    for address in (*urls, event.get_absolute_url()):
        response = client.get(address)
        assert "csrfmiddlewaretoken" in response.content.decode(), address
        assert response["Cache-Control"] == "private, no-cache", address


@pytest.mark.slow
def test_admin_refuses_forms_posted_from_other_sites(client, staff):
    address = f"/imagine/admin/summit/event/{factories.event().pk}/change/?tab=settings"
    data = web_client.form_fields(staff.get(address))
    before = snapshots.tables()
    for site in ("cross-site", "same-site", "nonsense"):
        assert staff.post(address, data, headers={"sec-fetch-site": site}).status_code == 403
    assert snapshots.tables() == before
    for headers in ({"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {}):
        assert staff.post(address, data, headers=headers).status_code == 302
    assert staff.get(address, headers={"sec-fetch-site": "cross-site"}).status_code == 200


# Cookies ------------------------------------------------------------------------------------------------------------


def test_cookies_are_limited_to_our_path_and_hold_no_staff_messages(client, staff):
    rsvp = factories.rsvp(factories.event(), size=2)
    in_admin = f"/imagine/admin/summit/rsvp/{rsvp.pk}/change/"
    responses = [
        client.get("/imagine/"),
        client.post(reverse("change_party", args=[rsvp.token]), {"size": "2"}),
        client.get(rsvp.get_absolute_url()),  # shows the message and deletes the cookie
        client.post("/imagine/language/", {"language": "es"}),
        Client().get("/imagine/admin/login/"),
        staff.post(in_admin, web_client.form_fields(staff.get(in_admin))),
    ]
    set_cookies = [cookie for response in responses for cookie in response.cookies.values()]
    assert {cookie.key for cookie in set_cookies} >= {"csrftoken", "messages", "django_language"}
    assert {cookie["path"] for cookie in set_cookies} == {"/imagine/"}
    assert "messages" not in responses[-1].cookies, "staff's messages name people, so they are in the session"
    assert "was changed successfully" in web_client.page_text(staff.get("/imagine/admin/summit/rsvp/"))


def test_messages_of_public_views_contain_no_personal_data():
    root = Path(settings.BASE_DIR)
    views = [*(root / "summit" / "views").glob("*.py"), *(root / "partners" / "views").glob("*.py")]
    for path in (*views, root / "imagine" / "mail" / "views.py"):
        source = path.read_text()
        assert "messages." not in source or not re.search(r"%\((name|email|organization)\)s", source), path


# Private pages ------------------------------------------------------------------------------------------------------


def test_private_pages_are_not_cached_or_indexed(client):
    rsvp = factories.rsvp(factories.event())
    responses = [
        client.get(rsvp.get_absolute_url()),
        client.get(reverse("cancel_rsvp", args=[rsvp.token])),
        client.get(reverse("rsvp_calendar", args=[rsvp.token])),
        client.post(reverse("change_party", args=[rsvp.token])),
        client.post(reverse("cancel_rsvp", args=[rsvp.token])),
        client.post(reverse("reinstate_rsvp", args=[rsvp.token]), {"size": "1"}),
    ]
    for response in responses:
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Referrer-Policy"] == "strict-origin"


# Language -----------------------------------------------------------------------------------------------------------


def test_language_comes_from_the_browser_until_it_is_chosen(client):
    factories.event()
    spanish = {"accept-language": "es-MX,es;q=0.9,en;q=0.1"}
    assert '<html lang="es"' in client.get("/imagine/", headers=spanish).content.decode()
    assert '<html lang="en"' in client.get("/imagine/", headers={"accept-language": "fr,km"}).content.decode()
    response = client.post("/imagine/language/", {"language": "en", "next": "/imagine/privacy/"}, headers=spanish)
    assert response["Location"] == "/imagine/privacy/"
    assert '<html lang="en"' in client.get("/imagine/", headers=spanish).content.decode()
    client.post("/imagine/language/", {"language": "es", "next": "/imagine/"})
    assert '<html lang="es"' in client.get("/imagine/").content.decode()


def test_language_does_not_redirect_elsewhere_and_ignores_unknown_codes(client):
    response = client.post("/imagine/language/", {"language": "es", "next": "https://evil.example.com/"})
    assert response["Location"] == "/"
    client.post("/imagine/language/", {"language": "../x\x00", "next": "/imagine/"})
    assert '<html lang="es"' in client.get("/imagine/").content.decode()


# Limits -------------------------------------------------------------------------------------------------------------


def reserve(client, rsvp: Rsvp, email: str = "new@example.org"):
    return client.post(rsvp.event.get_absolute_url(), web_client.rsvp_form(email=email))


@pytest.mark.parametrize(
    ("scope", "limit", "send"),
    [
        ("find", 300, lambda client, rsvp: client.post("/imagine/rsvp/find/", {"email": "new@example.org"})),
        ("rsvp", 600, reserve),
        ("known", 30, lambda client, rsvp: reserve(client, rsvp, rsvp.email)),
        ("change_party", 600, lambda client, rsvp: client.post(reverse("change_party", args=[rsvp.token]), {})),
    ],
    ids=["find", "rsvp", "known", "change_party"],
)
def test_rate_limited_requests_get_429_with_retry_after(client, scope, limit, send):
    rsvp = factories.rsvp(factories.event())
    assert send(client, rsvp).status_code != 429
    counted = RateLimitCount.objects.filter(key__startswith=f"{scope}:")
    assert counted.update(count=limit) == 1
    before = snapshots.tables(exclude=("core.RateLimitCount",))
    response = send(client, rsvp)
    assert response.status_code == 429
    assert 600 <= int(response["Retry-After"]) <= 630
    assert "Please try again later" in web_client.page_text(response)
    assert snapshots.tables(exclude=("core.RateLimitCount",)) == before
    other = Client(REMOTE_ADDR="192.0.2.9")
    assert send(other, rsvp).status_code != 429


@pytest.mark.slow
def test_limit_for_known_addresses_does_not_block_new_rsvps(client):
    rsvp = factories.rsvp(factories.event())
    responses = [reserve(client, rsvp, rsvp.email).status_code for _ in range(31)]
    assert responses == [409] * 30 + [429]
    assert reserve(client, rsvp).status_code == 302


@pytest.mark.slow
def test_three_hundred_people_behind_one_ip_are_not_rate_limited(client):
    event, _year = factories.event(capacity=400), factories.pledge_year()
    people = [{"email": f"guest{number}@example.org"} for number in range(300)]
    for url, form in [
        (event.get_absolute_url(), web_client.rsvp_form()),
        (reverse("find_rsvp"), {}),
        (reverse("pledge_begin"), {"organization": "Port Gate", "name": "Alma", "sector": "business"}),
    ]:
        assert 429 not in {client.post(url, form | person).status_code for person in people}, url
    assert Rsvp.objects.count() == 300


def do_everything(client: Client, event: Event, name: str) -> list[int]:
    """Answer an invitation after a mistake, name a guest, promise in three steps, and choose what to be sent."""
    invitation = factories.invitation(event, factories.person(name))
    party = {"name": name, "size": "2", "accepts_partial": "wait"}
    responses = [client.post(reverse("decline_invitation", args=[invitation.token]))]
    responses += [client.post(reverse("accept_invitation", args=[invitation.token]), form) for form in ({}, party)]
    rsvp = Rsvp.objects.get(name=name)
    responses += [client.post(reverse("change_party", args=[rsvp.token]), {}) for _mistake in range(2)]
    begun = factories.pledge_request(f"{name}'s", f"{name}@example.org")
    responses += [submit(begun.token, form, client=client) for form in ({}, selected(), signature(), signature(name))]
    preferences = get_preference(rsvp.email).get_absolute_url()
    return [answer.status_code for answer in [*responses, client.post(preferences, {"language": "es"})]]


def test_the_last_of_three_hundred_people_behind_one_ip_can_still_do_everything(client):
    event = factories.event(capacity=400)
    assert 429 not in do_everything(client, event, "First")
    assert RateLimitCount.objects.filter(key__contains=rate_limit.BY_VISITOR).update(count=F("count") * 299)
    assert 429 not in do_everything(client, event, "Last")


def test_rate_limits_store_no_ip_address(client):
    factories.event()
    client.post("/imagine/rsvp/find/", {"email": "alma@example.org"})
    assert "127.0.0.1" not in str(snapshots.tables()["core.RateLimitCount"])


def test_old_rate_limit_counts_are_deleted(client):
    client.post("/imagine/rsvp/find/", {"email": "alma@example.org"})
    rate_limit.delete_old_counts()
    assert RateLimitCount.objects.count() == 1
    RateLimitCount.objects.update(since="2019-04-04T15:00:00Z")
    rate_limit.delete_old_counts()
    assert RateLimitCount.objects.count() == 0
    assert LinkRequest.objects.count() == 1


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.7", "192.0.2.1"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        (2, "203.0.113.7", "192.0.2.1"),
        (1, None, "192.0.2.1"),
    ],
)
def test_client_address_trusts_only_configured_proxies(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").get("/imagine/", headers=headers)
    assert rate_limit.client_address(request) == address
