"""One person goes through every form and import. Their data is found only in the database and in email. After they are
erased, it is found nowhere: not in a dump, and not in a restored backup."""

import base64
import binascii
import io
import json
import logging
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse

from imagine.access.pages import PAGES
from imagine.core import page_cache
from imagine.core.logging import JsonFormatter
from imagine.core.models import SecurityEvent
from imagine.demo.binaries import postgres_binaries
from imagine.mail import delivery, dispatch, health_views, preferences
from imagine.mail.models import EmailPreference, Message
from imagine.mail.reports import webhook
from imagine.privacy import erasing
from imagine.privacy.models import Hold
from imagine.privacy.people import Person, everything_about, row_of
from partners.models import Contact, Import, Organization, Pledge, PledgeRequest, PledgeYear, Promise
from summit import rsvp_links, seats, tasks
from summit.models import Audience, DateAlert, Event, Guest, Invitation, Rsvp, StaffEmail
from summit.staff_emails.recipients import find_recipients
from tests import factories, web_client
from tests.mail import reports
from tests.partners.import_files import as_csv, as_xlsx, row, table
from tests.partners.pledge_form import pledge_url, selected, signature, submit
from tests.privacy.test_people import count_rows_with
from tests.spreadsheets import read_rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NAME, EMAIL, PHONE = "Zephyrine Quokka", "zephyrine.quokka@canary.example.org", "(209) 555-0188"
NEED, NOTE = "quandong allergy", "arrives by zeppelin"
PROMISE_NOTE = "wallaby tours on Tuesdays"  # belongs to the organization, so it stays with its promise
CANARY = ("zephyrine", "quokka", "555-0188", "quandong", "zeppelin", "wallaby")
ADMIN = "/imagine/admin/"


# Pages that are posted to without a guest's or partner's data.
WITHOUT_PEOPLE = {
    *("language", "admin:index", "admin:app_list", "admin:login", "admin:logout", "/", "<record>"),
    *("admin:password_change", "second_factor", "set_up_second_factor", "cancel_sign_in", "set_password"),
    *("session_status", "confirm_factor", "add_totp", "add_passkey", "recovery_codes", "replace_recovery_codes"),
    *("remove_factor", "end_session", "admin:auth_user_reset", "admin:auth_user_password_change"),
    *("admin:auth_group_add", "admin:auth_group_change", "admin:auth_user_add", "admin:auth_user_change"),
    *("admin:mail_templateoverride_page", "admin:mail_mailing_change", "admin:partners_organization_logo"),
    *("admin:partners_promisetype_add", "admin:partners_promisetype_change", "admin:partners_school_change"),
    *("admin:partners_pledgeyear_add", "admin:partners_pledgeyear_change", "admin:partners_scan_for_duplicates"),
    *("admin:summit_event_add", "admin:summit_event_change", "admin:summit_audience_add"),
    *("admin:summit_audience_change", "admin:summit_event_invite", "admin:summit_event_invite_audience"),
    *(
        "admin:summit_event_reschedule",
        "admin:summit_event_capacity",
        "admin:partners_pledgeyear_invite",
        "admin:summit_rsvp_link",
    ),
    *("admin:privacy_person", "admin:privacy_person_json", "admin:mail_message_preview"),  # read-only
}


class RecordingClient(Client):
    """Records response headers (redirects, cookies, file names), the text of error pages, and the pages it posted
    to."""

    headers_seen: list[str]
    errors_seen: list[str]
    posted: set[str]

    def __init__(self):
        super().__init__(raise_request_exception=False)

    def request(self, **request):
        response = super().request(**request)
        self.headers_seen.append(f"{response.headers} {response.cookies}")
        if response.status_code >= 500:
            self.errors_seen.append(response.content.decode())
        elif request["REQUEST_METHOD"] == "POST" and response.status_code < 400:
            self.posted.add(response.resolver_match.view_name)
        return response


class Watch:
    """Everything except the database and email: logs, the broker with its tasks, caches, headers, file names, error
    pages, the health check, the list of erasures."""

    def __init__(self):
        self.log = io.StringIO()
        self.handler = logging.StreamHandler(self.log)
        self.handler.setFormatter(JsonFormatter())
        RecordingClient.headers_seen, RecordingClient.errors_seen, RecordingClient.posted = [], [], set()
        dispatch.redis().flushdb()

    def collected_texts(self) -> dict[str, str]:
        return {
            "log": self.log.getvalue(),
            "headers": " ".join(RecordingClient.headers_seen),
            "broker and tasks": " ".join(broker_content()),
            "cached pages": str(page_cache.cached_pages),
            "cache": str(getattr(caches["default"], "_cache", "")),
            "activity log": str(list(SecurityEvent.objects.values())),
            "error pages": " ".join(RecordingClient.errors_seen),
            "health check": Client().get(reverse("ready")).content.decode(),
            "names of files": " ".join(str(path) for path in Path(settings.EMAIL_FILE_PATH).rglob("*")),
            "list of erasures": Path(settings.ERASURE_LIST).read_text() if Path(settings.ERASURE_LIST).exists() else "",
        }

    def found_words(self) -> dict[str, list[str]]:
        texts = {place: decode_hidden(text) for place, text in self.collected_texts().items()}
        found = {place: [word for word in CANARY if word in text] for place, text in texts.items()}
        return {place: found_words for place, found_words in found.items() if found_words}


def broker_content() -> Iterator[str]:
    """Return every key and value, of any type."""
    client = dispatch.redis()
    readers = {
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"string": client.get,
    }
    for key in client.keys("*"):
        yield f"{key} {readers[client.type(key)](key)}"


def decode_hidden(text: str) -> str:
    """Return the text in lower case, together with any base64 in it decoded."""
    decoded = []
    for token in re.findall(r"[\w+/=-]{16,}", text):
        try:
            padded = token + "=" * (-len(token) % 4)
            decoded.append(base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_")).decode("latin-1"))
        except (ValueError, binascii.Error):
            continue
    return " ".join([text, *decoded]).lower()


@pytest.fixture
def watch(settings, tmp_path) -> Iterator[Watch]:
    settings.ERASURE_LIST = str(tmp_path / "erasures.txt")
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    watch = Watch()
    logging.getLogger().addHandler(watch.handler)
    yield watch
    logging.getLogger().removeHandler(watch.handler)
    dispatch.redis().flushdb()


@pytest.fixture
def office(watch) -> RecordingClient:
    client = RecordingClient()
    client.force_login(User.objects.create_superuser("office"))
    return client


def use_every_form(office: RecordingClient) -> None:
    guest = RecordingClient()
    event, kickoff = factories.event(), factories.event(title="Kickoff")
    factories.pledge_year()
    rsvp_forms(guest, event)
    pledge_forms(guest)
    invitation_forms(guest, kickoff)
    sign_in_and_lost_links(guest)
    admin_forms(office, event)
    organizations(office, event)
    imports(office)
    exports(office)
    delivery.requeue_abandoned()
    bounces(guest)
    email(office)
    faults(guest, event)


def rsvp_forms(guest: RecordingClient, event) -> None:
    data = {"name": NAME, "email": EMAIL, "phone": PHONE, "note": NOTE, "dietary_needs": NEED, "size": "2"}
    guest.get(event.get_absolute_url())
    guest.post(event.get_absolute_url(), data | {"accepts_partial": "wait", "guest_2": f"{NAME} Jr."})
    guest.post(event.get_absolute_url(), data | {"size": "x"})
    rsvp = Rsvp.objects.get(email=EMAIL)
    party = {f"guest-{each.pk}-accessibility_needs": NEED for each in Guest.objects.filter(rsvp=rsvp)}
    page = guest.get(rsvp.get_absolute_url())
    guest.post(reverse("change_party", args=[rsvp.token]), web_client.form_fields(page) | party)
    guest.get(reverse("rsvp_calendar", args=[rsvp.token]))
    guest.post(reverse("promise_from_rsvp", args=[rsvp.token]))
    for name in ("cancel_rsvp", "reinstate_rsvp"):
        guest.post(reverse(name, args=[rsvp.token]), {"size": "2"})


def pledge_forms(guest: RecordingClient) -> None:
    data = {"name": NAME, "email": EMAIL, "organization": "Marsupial Works", "sector": "business"}
    guest.post(reverse("pledge_begin"), data)
    for pk in PledgeRequest.objects.values_list("pk", flat=True):
        factories.pledge_signup.answer_request_once(pk)
    token = PledgeRequest.objects.filter(source="").latest("pk").token
    data_of_pledge = selected(note=PROMISE_NOTE) | {"contact-phone": PHONE}
    submit(token, data_of_pledge, client=guest)
    submit(token, data_of_pledge, signature(NAME, role="Owner"), client=guest)
    guest.get(pledge_url(token, "pledge_certificate"))
    pledge = Pledge.objects.get(organization__name="Marsupial Works")
    guest.post(reverse("mail_year_link", args=[pledge.token]), {"event": Event.objects.first().slug})


def invitation_forms(guest: RecordingClient, kickoff) -> None:
    contact = Contact.objects.get(email=EMAIL)
    factories.write_mailing(kickoff, contact)
    token = Invitation.objects.get(contact=contact).token
    guest.get(reverse("invitation", args=[token]))
    guest.post(reverse("decline_invitation", args=[token]), {"decline_message": NOTE})
    accepted = {"name": NAME, "size": "1", "phone": PHONE, "note": NOTE, "dietary_needs": NEED}
    guest.post(reverse("accept_invitation", args=[token]), accepted)
    page = preferences.get_preference(EMAIL).get_absolute_url()
    assert guest.post(page, web_client.form_fields(guest.get(page)) | {"news": "on"}).status_code == 302
    guest.post(reverse("unsubscribe", args=[preferences.get_preference(EMAIL).token, "invitations"]))


def sign_in_and_lost_links(guest: RecordingClient) -> None:
    guest.post(reverse("find_rsvp"), {"email": EMAIL})
    guest.post(reverse("begin_date_alert"), {"email": EMAIL})
    alert, other = (DateAlert.objects.create(email=email) for email in (EMAIL.lower(), "other@example.org"))
    guest.post(alert.get_absolute_url())
    guest.post(reverse("stop_date_alert", args=[other.token]))
    guest.post(f"{ADMIN}login/", {"username": EMAIL, "password": NAME})
    guest.post(reverse("forgot_password"), {"email": EMAIL})
    guest.get(f"/imagine/{NAME}/")
    guest.get("/imagine/partners/", {"q": NAME})


def admin_forms(office: RecordingClient, event) -> None:
    rsvp = Rsvp.objects.get(event=event, email=EMAIL)
    page = f"{ADMIN}summit/rsvp/{rsvp.pk}/change/"
    office.post(page, web_client.form_fields(office.get(page)) | {"note": f"{NOTE} too", "name": NAME})
    contact = Contact.objects.get(email=EMAIL)
    page = f"{ADMIN}partners/contact/{contact.pk}/change/"
    office.post(page, web_client.form_fields(office.get(page)) | {"role": NAME, "phone": PHONE})
    page = f"{ADMIN}partners/contact/add/"
    office.post(page, web_client.form_fields(office.get(page)) | {"name": NAME, "email": EMAIL, "phone": PHONE})
    page = f"{ADMIN}summit/rsvp/add/?event={event.pk}"
    office.post(page, web_client.form_fields(office.get(page)) | {"name": NAME, "email": EMAIL, "note": NOTE})
    office.post(f"{ADMIN}privacy/hold/add/", {"email": EMAIL, "reason": NOTE, "ends_on": "2020-01-01"})
    page = reverse("admin:privacy_hold_change", args=[Hold.objects.get().pk])
    office.post(page, web_client.form_fields(office.get(page)) | {"reason": f"{NOTE} once more"})
    office.post(f"{ADMIN}privacy/erasure/find/", {"email": EMAIL})
    office.get(f"{ADMIN}summit/rsvp/", {"q": NAME})
    for message in Message.objects.filter(recipient=EMAIL):
        office.get(f"{ADMIN}mail/message/{message.pk}/change/")


def imports(office: RecordingClient) -> None:
    cells = row(organization="Marsupial Works", contact=NAME, e_mail=EMAIL, phone=PHONE, note=PROMISE_NOTE)
    year = PledgeYear.objects.get()
    for content in (as_csv(table([cells])), as_xlsx(table([cells])), b"not a table " + EMAIL.encode()):
        file = SimpleUploadedFile(f"{NAME}.csv", content)
        office.post(f"{ADMIN}partners/import/add/", {"file": file, "year": year.pk}, follow=True)
    checked = Import.objects.filter(state=Import.State.CHECKED).first()
    office.post(reverse("admin:partners_import_change", args=[checked.pk]), {"confirm": "1"})
    audience = Audience.objects.create(name="Mentors")
    file = SimpleUploadedFile(f"{NAME}.csv", f"Email,Name\n{EMAIL},{NAME}\n".encode())
    page = f"{ADMIN}summit/audience/{audience.pk}/list/"
    office.post(page, {"file": file}, follow=True)
    audience.refresh_from_db()
    office.post(page, {"seen": audience.upload.mark, "put_in": "1"})


def organizations(office: RecordingClient, event) -> None:
    page = reverse("admin:partners_organization_add")
    person = {"contacts-0-name": NAME, "contacts-0-email": EMAIL, "contacts-0-phone": PHONE}
    office.post(page, web_client.form_fields(office.get(page)) | {"name": "Marsupial Works Inc."} | person)
    kept, other = Organization.objects.get(name="Marsupial Works"), Organization.objects.get(name__endswith="Inc.")
    page = reverse("admin:partners_organization_change", args=[other.pk])
    office.post(page, web_client.form_fields(office.get(page)) | {"contacts-0-role": NAME})
    page = reverse("admin:partners_merge", args=[kept.pk, other.pk])
    office.post(page, web_client.form_fields(office.get(page)) | {"merge": "x"})
    rsvp = factories.rsvp(event, "Ben Ochoa", email="ben@example.org", organization_name="Marsupial Wrks")
    office.post(reverse("admin:summit_match", args=[rsvp.pk]), {"was": "", "organization": kept.pk, "contact": "on"})


def email(office: RecordingClient) -> None:
    """Sent again, and what staff say that the person wants."""
    message = Message.objects.filter(recipient=EMAIL).first()
    office.post(reverse("admin:mail_message_change", args=[message.pk]), {"_resend": ""})
    page = reverse("admin:mail_emailpreference_add")
    office.post(page, web_client.form_fields(office.get(page)) | {"email": EMAIL})
    page = reverse("admin:summit_staffemail_add", query={"event": Rsvp.objects.filter(email=EMAIL).first().event_id})
    text = {"subject": "Parking", "text": "Hi {first_name}, park in lot B.", "_continue": "1"}
    office.post(page, web_client.form_fields(office.get(page)) | text)
    staff_email = StaffEmail.objects.get()
    factories.rsvp(staff_email.event, "Chue Vang", email="chue@example.org")  # the canary's address bounces by now
    page = reverse("admin:summit_staffemail_change", args=[staff_email.pk])
    office.post(page, web_client.form_fields(office.get(page)) | {"_review": "1"})
    page = reverse("admin:summit_staffemail_review", args=[staff_email.pk])
    number = sum(not person.reason for person in find_recipients(staff_email))
    office.post(page, web_client.form_fields(office.get(page)) | {"number": str(number)})
    page = reverse("admin:mail_emailpreference_change", args=[preferences.get_preference(EMAIL).pk])
    office.post(page, web_client.form_fields(office.get(page)))


def faults(guest: RecordingClient, event) -> None:
    """Make a page and a task fail, with the person in the exception."""

    def fail(*args, **fields):
        raise ValueError(f"{NAME} {EMAIL} {PHONE}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seats, "reserve", fail)
        data = {"name": NAME, "email": f"new.{EMAIL}", "size": "1", "accepts_partial": "wait"}
        assert guest.post(event.get_absolute_url(), data).status_code == 500
        patch.setattr(rsvp_links, "email_requested_links", fail)
        assert tasks.answer_link_request.apply((1,)).failed()


def exports(office: RecordingClient) -> None:
    row = row_of(Person(EMAIL))
    person = f"{ADMIN}privacy/erasure/person/{row._meta.label_lower}/{row.pk}/"
    for path in (person, f"{person}json/", f"{person}erase/"):
        assert office.get(path).status_code == 200
    for label, (model, number_of_files) in EXPORTED_LISTS.items():
        files = export_list(office, label, model)
        assert len(files) == number_of_files * 3, label  # searched, all of it, and selected rows
        assert all("-record-" in file["Content-Disposition"] for file in files), label
        assert all(re.search(f"{NAME}|Marsupial Works", str(read_rows(file))) for file in files), label


EXPORTED_LISTS: dict[str, tuple[type[Model], int]] = {
    "summit/rsvp": (Rsvp, 2),
    "summit/invitation": (Invitation, 2),
    "partners/organization": (Organization, 2),
    "partners/pledge": (Pledge, 4),
    "partners/promise": (Promise, 4),
}


def export_list(office: RecordingClient, label: str, model: type[Model]) -> list[HttpResponse]:
    """Export a list in every way it offers: by its links, searched for the person or not, and by its actions."""
    page = f"{ADMIN}{label}/"
    content = office.get(page).content.decode()
    links = set(re.findall(r'href="([^"?]+\.(?:csv|xlsx))', content))
    actions = set(re.findall(r'<option value="(\w+_(?:csv|xlsx))"', content))
    rows = list(model._default_manager.values_list("pk", flat=True))
    files = [office.get(link, query) for link in links for query in ({}, {"q": NAME})]
    return files + [office.post(page, {"action": action, "_selected_action": rows}) for action in actions]


def bounces(guest: RecordingClient) -> None:
    """Post a delivery report that quotes the person, a complaint, a report about another email, and an invalid one."""
    message = Message.objects.filter(recipient=EMAIL, state=Message.State.SENT).first()
    bounce = reports.postfix(message, diagnostic=f"smtp; 550 5.1.1 {NAME} <{EMAIL}> is gone")
    other = reports.postfix(message, content="Message-ID: <x@example.net>\n\n")
    with override_settings(BOUNCE_WEBHOOK_SECRET=NAME * 2):
        for report in (bounce, reports.complaint(message), other, bounce[: len(bounce) // 4]):
            timestamp = str(int(time.time()))
            signature = f"t={timestamp},v1={webhook.signature(timestamp, report)}"
            path, headers = reverse("delivery_report"), {"Report-Signature": signature}
            assert guest.post(path, report, content_type="message/rfc822", headers=headers).status_code == 200
    message.refresh_from_db()
    assert message.bounced_at
    assert message.complained_at
    assert EMAIL not in message.last_error


def test_canary_is_only_in_database_and_email_and_nowhere_after_erasure(watch, office, tmp_path):
    use_every_form(office)
    assert unused_forms() == set()
    in_tables = {word: count_rows_with(word) for word in CANARY}
    assert all(in_tables.values()), in_tables
    for model in (Rsvp, Guest, Contact, Pledge, Message, EmailPreference, Import, Invitation):
        assert any(each.model is model for each in everything_about(Person(EMAIL))), model
    assert watch.found_words() == {}
    assert watch.log.getvalue().count("ValueError") >= 1
    backup = tmp_path / "backup"
    dump("--format=custom", f"--file={backup}")
    row = row_of(Person(EMAIL))
    path = f"{ADMIN}privacy/erasure/person/{row._meta.label_lower}/{row.pk}/erase/"
    assert office.post(path, follow=True).status_code == 200
    kept_on_purpose = {"privacy.Hold.email", "privacy.Hold.reason"}
    remaining = {word: count_rows_with(word).keys() - kept_on_purpose for word in CANARY}
    of_the_organization = remaining.pop("wallaby")
    assert remaining == {word: set() for word in remaining}
    assert "partners.Promise.note" in of_the_organization
    assert words_in_dump() == []
    with restored(backup):
        assert set(words_in_dump()) == PERSONAL
        assert erasing.finish_erasures() == 1
        assert words_in_dump() == []
    assert watch.found_words() == {}


PERSONAL = set(CANARY) - {"wallaby"}


def unused_forms() -> set[str]:
    names = {name for name, access in PAGES.items() if access.post}
    names = {name for name in names if not name.endswith(("_changelist", "_history", "_delete", "privacy_erase"))}
    return names - WITHOUT_PEOPLE - RecordingClient.posted


def dump(*options: str) -> str:
    """A hold names its person, and outlives an erasure."""
    return run("pg_dump", "--exclude-table-data=privacy_hold", *options, database_url())


def words_in_dump() -> list[str]:
    """Return what a dump contains about the person, as text or as bytes."""
    text = dump().lower()
    return [word for word in CANARY if word in PERSONAL and (word in text or word.encode().hex() in text)]


def run(name: str, *arguments: str) -> str:
    process = subprocess.run([postgres_binaries(Path(), None) / name, *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def database_url(name: str = "") -> str:
    path = quote(name or connection.settings_dict["NAME"])
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{path}").geturl()


@contextmanager
def restored(backup: Path) -> Iterator[None]:
    """Restore a backup into its own database and use that."""
    original_name = connection.settings_dict["NAME"]
    name = f"{original_name}_restored"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    run("pg_restore", f"--dbname={database_url(name)}", str(backup))
    use_database(name)
    try:
        yield
    finally:
        use_database(original_name)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


def use_database(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def test_control_canary_is_found_in_each_place(watch, office, monkeypatch):
    logging.getLogger("imagine").info(NAME)
    page_cache.cached_pages["x"] = NAME
    caches["default"].set("x", NAME)
    dispatch.publish("tests.nothing", (NAME,))
    office.get("/imagine/", headers={"X-Nothing": "1"})
    RecordingClient.headers_seen.append(json.dumps({"Location": base64.b64encode(NAME.encode()).decode()}))
    SecurityEvent.objects.create(kind="exported", facts={"name": NAME})
    RecordingClient.errors_seen.append(NAME)
    monkeypatch.setattr(health_views, "broker_state", lambda: NAME)
    Path(settings.EMAIL_FILE_PATH, NAME).mkdir(parents=True)
    Path(settings.ERASURE_LIST).write_text(NAME)
    found = watch.found_words()
    page_cache.cached_pages.clear()
    caches["default"].clear()
    assert found == {place: ["zephyrine", "quokka"] for place in watch.collected_texts()}
