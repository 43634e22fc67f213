"""Requests that no form sends: a clear error or 400, 413, 415, but never a 500, and nothing partly saved."""

from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from summit.models import Event, Rsvp
from tests import factories, snapshots, web_client

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

URLENCODED = "application/x-www-form-urlencoded"
IGNORED_TABLES = ("core.RateLimitCount",)  # rate-limited tries are counted


@pytest.fixture
def event() -> Event:
    return factories.event()


@pytest.fixture
def client() -> Client:
    """A client that raises exceptions instead of returning 500."""
    return Client()


def send(client: Client, to: Event, **fields):
    return client.post(to.get_absolute_url(), web_client.rsvp_form(**fields))


def send_raw(client: Client, event: Event, body: bytes | str, content_type: str = URLENCODED):
    return client.generic("POST", event.get_absolute_url(), body, content_type=content_type)


def check_error(response, error: str) -> None:
    """Check that the form shows the error at the field and in the summary, and that nothing is saved."""
    assert response.status_code == 422
    assert web_client.page_text(response).count(error) == 2, web_client.page_text(response)
    assert snapshots.tables(exclude=(*IGNORED_TABLES, "summit.Event"))["summit.Rsvp"] == []
    assert snapshots.emails() == []


# Fields -----------------------------------------------------------------------------------------------------------

SIZES = ["0", "-1", "1.5", "7", "three", "²", "", " ", "9" * 5000, "1e0", "0x1", "None", "1\x00"]


@pytest.mark.parametrize("size", SIZES, ids=[size[:5] or "empty" for size in SIZES[:-1]] + ["nul"])
def test_invalid_party_size_is_refused(client, event, size):
    check_error(send(client, event, size=size), "Choose a number from 1 to 6.")


ONE_AT, NO_DOT = "Enter an email address with one @ sign", "Enter an email address with a dot after the @ sign"
HALF, ONE_LINE, UNREADABLE = "Enter a complete email address", "Enter this on one line.", "can’t read"
LONG = "Ensure this value has at most 254 characters"
EMAILS = {
    "empty": ("", "Enter your email, like name@example.org."),
    "no at": ("alma", ONE_AT),
    "two ats": ("alma@home@example.org", ONE_AT),
    "two addresses": ("alma@example.org,ben@example.org", ONE_AT),
    "no dot": ("alma@example", NO_DOT),
    "no name": ("@example.org", HALF),
    "no domain": ("alma@", HALF),
    "space": ("al ma@example.org", HALF),
    "dots": ("alma@example..org", HALF),
    "angle": ("Alma <alma@example.org>", HALF),
    "newline": ("alma@example.org\nBcc: ben@example.com", ONE_LINE),
    "return": ("alma@example.org\rBcc", ONE_LINE),
    "line separator": ("alma@exam\u2028ple.org", ONE_LINE),
    "nul": ("alma\x00@example.org", "Null characters are not allowed."),
    "bell": ("alma\x07@example.org", UNREADABLE),
    "300 characters": (f"{'a' * 288}@example.org", LONG),
    "accent in the name": ("álma@example.org", "We can’t email an address with a letter like ñ"),
    "no such domain": (f"alma@{'ñ' * 70}.org", HALF),
}


@pytest.mark.parametrize(("email", "error"), EMAILS.values(), ids=EMAILS)
def test_invalid_email_is_refused(client, event, email, error):
    check_error(send(client, event, email=email), error)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("alma@niño.example.org", "alma@xn--nio-8ma.example.org"),
        ("alma@NIÑO.example.org", "alma@xn--nio-8ma.example.org"),
        ("  Alma@EXAMPLE.org ", "Alma@example.org"),
        ("o'neil+summit@example.org", "o'neil+summit@example.org"),
    ],
)
def test_valid_email_is_saved_normalized(client, event, typed, stored):
    assert send(client, event, email=typed).status_code == 302
    assert Rsvp.objects.get().email == stored


LINE_FIELDS = ("name", "organization_name", "guest_2", "dietary_needs", "accessibility_needs", "phone")


@pytest.mark.parametrize("field", LINE_FIELDS)
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("Ann\nBo", ONE_LINE),
        ("Ann\x00Bo", "Null characters are not allowed."),
        ("Ann\x1bBo", UNREADABLE),
        ("x" * 201, "Ensure this value has at most"),
    ],
    ids=["two lines", "nul", "control", "long"],
)
def test_invalid_text_field_is_refused(client, event, field, value, error):
    response = send(client, event, size="2", **{field: value})
    assert response.status_code == 422
    assert error in web_client.page_text(response)
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize("value", ["x" * 1001, "a\x00b", "a\x08b"])
def test_invalid_note_is_refused(client, event, value):
    assert send(client, event, note=value).status_code == 422
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize("value", ["other", "BUSINESS", "\x00", "business\nx", "x" * 10_000])
def test_unknown_sector_is_refused(client, event, value):
    assert send(client, event, sector=value).status_code == 422
    assert Rsvp.objects.count() == 0


def test_names_in_many_scripts_are_saved_as_written(client, event):
    names = ("Nguyễn Thị Ánh-Đào", "O’Neil, Jr.", "ស្រីពេជ្រ", "محمد", '<b>Ann & "Bo"</b>', "🎓 Grad", "{{ name }}")
    for number, name in enumerate(names):
        assert send(client, event, name=name, email=f"{number}@example.org").status_code == 302
    assert list(Rsvp.objects.order_by("pk").values_list("name", flat=True)) == list(names)
    rsvp = Rsvp.objects.get(name__startswith="<b>")
    assert "<b>Ann" not in client.get(rsvp.get_absolute_url()).content.decode()


# Missing, repeated, more than asked for ---------------------------------------------------------------------------


def test_empty_form_reports_missing_answers(client, event):
    response = send_raw(client, event, "")
    page = web_client.page_text(response)
    assert response.status_code == 422
    assert "There’s a problem with 3 answers" in page
    assert Rsvp.objects.count() == 0


def test_last_value_of_repeated_field_is_used(client, event):
    pairs = [*web_client.rsvp_form().items(), ("name", "Last"), ("size", "2"), ("email", "last@example.org")]
    assert send_raw(client, event, urlencode(pairs)).status_code == 302
    assert list(Rsvp.objects.values_list("name", "email", "held_seats")) == [("Last", "last@example.org", 2)]


def test_unexpected_fields_are_ignored(client, event):
    other = factories.event(slug="other")
    extra = {
        "status": "confirmed",
        "capacity": "9999",
        "event": str(other.pk),
        "event_id": str(other.pk),
        "held_seats": "50",
        "waitlisted_seats": "3",
        "overbooked_seats": "1",
        "token": "x" * 32,
        "browser": "mine",
        "source": "staff",
        "language": "xx",
        "id": "1",
        "pk": "1",
        "canceled_at": "2019-04-04",
        "guest_1": "Nobody",
        "guest_7": "Nobody",
        "__proto__": "x",
        "x\x00y": "z",
    }
    assert send(client, event, **extra).status_code == 302
    rsvp = Rsvp.objects.get()
    assert (rsvp.event, rsvp.held_seats, rsvp.waitlisted_seats, rsvp.overbooked_seats) == (event, 1, 0, 0)
    assert (rsvp.source, rsvp.language, rsvp.canceled_at) == ("web", "en", None)
    assert rsvp.token != "x" * 32
    assert snapshots.guests(rsvp) == [(1, "Alma Reyes")]
    assert Event.objects.get(pk=event.pk).capacity == 10


def test_unexpected_fields_in_change_party_form_are_ignored(client, event):
    rsvp = factories.rsvp(event, size=2)
    guest = rsvp.guests.last()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    fields = {
        f"guest-{guest.pk}-rsvp": "999",
        f"guest-{guest.pk}-position": "-5",
        f"guest-{guest.pk}-id": "999",
        "guest--name": "x",
        "guest-999999999999999999999-name": "x",
        "held_seats": "9",
        "email": "eve@example.org",
    }
    client.post(reverse("change_party", args=[rsvp.token]), fields)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


# Bytes ------------------------------------------------------------------------------------------------------------


def test_invalid_utf8_is_refused_as_unreadable(client, event):
    for name in ("%ED%A0%80", "Jos%E9", "%FF%FE", "%EF%BF%BD"):
        body = f"name={name}&email=alma%40example.org&size=1"
        check_error(send_raw(client, event, body), UNREADABLE)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"name=%", b"name=%zz&size=%%%", b"&&&==&", b"\x00" * 100])
def test_malformed_body_is_refused(client, event, body):
    assert send_raw(client, event, body).status_code == 422
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "text/xml",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=none-such",
        "application/x-www-form-urlencoded; charset=utf8",  # Django only knows one spelling
        'application/x-www-form-urlencoded; charset="latin1"',
        "multipart/form-data; charset=utf-7; boundary=x",
        "",
    ],
)
def test_unsupported_content_type_gets_415(event, content_type):
    client = Client(enforce_csrf_checks=True)
    response = send_raw(client, event, urlencode(web_client.rsvp_form()), content_type)
    assert response.status_code == 415
    assert "We can’t read this form" in web_client.page_text(response)
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_utf8_charset_spellings_are_accepted(client, event, charset):
    assert (
        send_raw(client, event, urlencode(web_client.rsvp_form()), f"{URLENCODED}; charset={charset}").status_code
        == 302
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--", b"\xff" * 99],
)
@pytest.mark.parametrize("boundary", ["; boundary=x", "", "; boundary=", f"; boundary={'x' * 300}", "; boundary=é"])
def test_broken_multipart_is_never_a_500(event, body, boundary):
    for csrf_client in (True, False):
        client = Client(enforce_csrf_checks=csrf_client)
        response = send_raw(client, event, body, f"multipart/form-data{boundary}")
        assert response.status_code in {400, 403, 422}
    assert Rsvp.objects.count() == 0


def test_a_megabyte_in_a_field_gets_413(client, event):
    for address in (event.get_absolute_url(), "/imagine/rsvp/find/", "/imagine/language/", "/imagine/nothing/"):
        response = client.post(address, web_client.rsvp_form(note="x" * 1_000_000))
        assert response.status_code == 413
        assert "That was too much at once" in web_client.page_text(response)
    assert Rsvp.objects.count() == 0


@pytest.mark.parametrize("length", ["²", "-1", "1.5", "9" * 5000, "x"])
def test_invalid_content_length_gets_413(client, event, length):
    response = client.post(event.get_absolute_url(), web_client.rsvp_form(), CONTENT_LENGTH=length)
    assert response.status_code == 413


def test_too_many_fields_get_400(client, event):
    body = "&".join(f"f{number}=1" for number in range(2100))
    response = send_raw(client, event, body)
    assert response.status_code == 400
    assert "Something went wrong with that request" in web_client.page_text(response)


def test_file_in_place_of_a_text_field_counts_as_missing(client, event):
    fields = web_client.rsvp_form() | {"name": SimpleUploadedFile("a.txt", b"x")}
    check_error(client.post(event.get_absolute_url(), fields), "Enter your name.")


# Around the form --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"accept-language": "x" * 5000},
        {"accept-language": "es;q=²,\x00,;;;,*"},
        {"cookie": 'csrftoken="\\000"; django_language="\\000es"; messages="\\000x"; sessionid="aaaaaaaaa\\000"'},
        {"cookie": "csrftoken=" + "x" * 4000 + '; messages=[[],{},"; ==;;'},
        {"x-forwarded-for": "\x00" * 50 + ",,,"},
        {"x-forwarded-for": "x" * 5000},
        {"referer": "\x00"},
        {"host": "127.0.0.1:99999"},
    ],
)
def test_odd_headers_are_never_a_500(event, settings, headers):
    settings.TRUSTED_PROXIES = 1
    for method in ("GET", "POST"):
        response = Client().generic(method, event.get_absolute_url(), b"", content_type=URLENCODED, headers=headers)
        assert response.status_code in {200, 400, 422}


@pytest.mark.parametrize("host", ["evil.example.com", "", "a b", "127.0.0.1, evil", "x" * 3000])
def test_unknown_host_gets_400(event, host):
    response = Client().get(event.get_absolute_url(), headers={"host": host})
    assert response.status_code == 400
    assert "Something went wrong with that request" in web_client.page_text(response)


@pytest.mark.parametrize(
    "path", ["events/%00/", "events/%ED%A0%80/", f"events/{'x' * 9000}/", "rsvp/%0a/", "%FF", "?a=%00"]
)
def test_malformed_urls_cause_no_server_error(client, path):
    assert client.get(f"/imagine/{path}").status_code in {200, 404}


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_refused(client, event, method):
    rsvp = factories.rsvp(event)
    before = snapshots.tables()
    for address in (event.get_absolute_url(), rsvp.get_absolute_url(), "/imagine/", "/imagine/rsvp/find/"):
        assert getattr(client, method)(address).status_code in {405, 415}
    assert snapshots.tables() == before


@pytest.mark.parametrize("address", ["/imagine/", "/imagine/admin/"])
def test_nul_in_a_cookie_gets_the_400_page(client, address):
    client.cookies["sessionid"] = "a\0b"
    assert client.get(address).status_code == 400
