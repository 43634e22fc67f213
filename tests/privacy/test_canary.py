"""One person goes through every form and import. They are found in the database and in email, and nowhere else; after
they are erased, nowhere at all."""

import base64
import binascii
import io
import json
import logging
import re
import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse

from imagine.core import page_cache
from imagine.core.logging import JsonFormatter
from imagine.core.models import SecurityEvent
from imagine.mail import delivery, dispatch, preferences
from imagine.mail.models import EmailPreference, Message
from imagine.mail.reports import webhook
from imagine.privacy.people import Person, everything_about, row_of
from partners.models import Contact, Import, Pledge, PledgeRequest, PledgeYear
from summit.models import Audience, Guest, Invitation, Rsvp
from tests import factories, web_client
from tests.mail import reports
from tests.partners.import_files import as_csv, as_xlsx, row, table
from tests.partners.pledge_form import pledge_url, signature, submit, tick
from tests.privacy.test_people import everywhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NAME, EMAIL, PHONE = "Zephyrine Quokka", "zephyrine.quokka@canary.example.org", "(209) 555-0188"
NEED, NOTE = "quandong allergy", "arrives by zeppelin"
PROMISE_NOTE = "wallaby tours on Tuesdays"  # the organization's, so it stays with its promise
CANARY = ("zephyrine", "quokka", "555-0188", "quandong", "zeppelin", "wallaby")
ADMIN = "/imagine/admin/"


class RecordingClient(Client):
    """A browser that keeps every header that it got: where it was led, cookies, names of downloads."""

    headers_seen: list[str]

    def request(self, **request):
        response = super().request(**request)
        self.headers_seen.append(f"{response.headers} {response.cookies}")
        return response


class Watch:
    """Everything but the database and email: logs, the broker with its tasks, caches, headers, names of files."""

    def __init__(self):
        self.log = io.StringIO()
        self.handler = logging.StreamHandler(self.log)
        self.handler.setFormatter(JsonFormatter())
        RecordingClient.headers_seen = []
        dispatch.redis().flushdb()

    def places(self) -> dict[str, str]:
        return {
            "log": self.log.getvalue(),
            "headers": " ".join(RecordingClient.headers_seen),
            "broker and tasks": " ".join(broker_content()),
            "cached pages": str(page_cache.cached_pages),
            "cache": str(getattr(caches["default"], "_cache", "")),
            "activity log": str(list(SecurityEvent.objects.values())),
        }

    def found(self) -> dict[str, list[str]]:
        texts = {place: with_decoded(text) for place, text in self.places().items()}
        found = {place: [word for word in CANARY if word in text] for place, text in texts.items()}
        return {place: words for place, words in found.items() if words}


def broker_content() -> Iterator[str]:
    """Every key and value, whatever its type."""
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


def with_decoded(text: str) -> str:
    """Return a text, and what is hidden in it as base64, in lower case."""
    decoded = []
    for token in re.findall(r"[\w+/=-]{16,}", text):
        try:
            padded = token + "=" * (-len(token) % 4)
            decoded.append(base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_")).decode("latin-1"))
        except (ValueError, binascii.Error):
            continue
    return " ".join([text, *decoded]).lower()


@pytest.fixture
def watch() -> Iterator[Watch]:
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


def fly_through_everything(office: RecordingClient) -> None:
    guest = RecordingClient()
    event, kickoff = factories.event(), factories.event(title="Kickoff")
    factories.pledge_year()
    rsvp_forms(guest, event)
    pledge_forms(guest)
    invitation_forms(guest, kickoff)
    sign_in_and_lost_links(guest)
    admin_forms(office, event)
    imports(office)
    exports(office)
    delivery.sweep()
    bounces(guest)


def rsvp_forms(guest: RecordingClient, event) -> None:
    typed = {"name": NAME, "email": EMAIL, "phone": PHONE, "note": NOTE, "dietary_needs": NEED, "size": "2"}
    guest.get(event.get_absolute_url())
    guest.post(event.get_absolute_url(), typed | {"accepts_partial": "wait", "guest_2": f"{NAME} Jr."})
    guest.post(event.get_absolute_url(), typed | {"size": "x"})
    rsvp = Rsvp.objects.get(email=EMAIL)
    party = {f"guest-{each.pk}-accessibility_needs": NEED for each in Guest.objects.filter(rsvp=rsvp)}
    page = guest.get(rsvp.get_absolute_url())
    guest.post(reverse("change_party", args=[rsvp.token]), web_client.form_fields(page) | party)
    guest.get(reverse("rsvp_calendar", args=[rsvp.token]))
    guest.post(reverse("promise_from_rsvp", args=[rsvp.token]))


def pledge_forms(guest: RecordingClient) -> None:
    typed = {"name": NAME, "email": EMAIL, "organization": "Marsupial Works", "sector": "business"}
    guest.post(reverse("pledge_begin"), typed)
    for pk in PledgeRequest.objects.values_list("pk", flat=True):
        factories.pledge_signup.answer_pledge_request(pk)
    token = PledgeRequest.objects.filter(source="").latest("pk").token
    answers = tick(note=PROMISE_NOTE) | {"contact-phone": PHONE}
    submit(token, answers, client=guest)
    submit(token, answers, signature(NAME, role="Owner"), client=guest)
    guest.get(pledge_url(token, "pledge_certificate"))


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


def sign_in_and_lost_links(guest: RecordingClient) -> None:
    guest.post(reverse("find_rsvp"), {"email": EMAIL})
    guest.post(f"{ADMIN}login/", {"username": EMAIL, "password": NAME})
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
    audience = Audience.objects.create(name="Mentors")
    file = SimpleUploadedFile(f"{NAME}.csv", f"Email,Name\n{EMAIL},{NAME}\n".encode())
    office.post(f"{ADMIN}summit/audience/{audience.pk}/list/", {"file": file}, follow=True)


def exports(office: RecordingClient) -> None:
    row = row_of(Person(EMAIL))
    person = f"{ADMIN}privacy/erasure/person/{row._meta.label_lower}/{row.pk}/"
    for path in (person, f"{person}json/", f"{person}erase/"):
        assert office.get(path).status_code == 200
    for label, model in (("summit/rsvp", Rsvp), ("partners/pledge", Pledge)):
        for action in ("csv", "xlsx"):
            pks = list(model.objects.values_list("pk", flat=True))
            office.post(f"{ADMIN}{label}/", {"action": action, "_selected_action": pks})


def bounces(guest: RecordingClient) -> None:
    """A delivery report that quotes the person, a complaint, a report about somebody else's email, and a bad one."""
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


def test_canary_is_in_the_database_and_in_email_alone_and_after_erasure_nowhere(watch, office):
    fly_through_everything(office)
    in_tables = {word: everywhere(word) for word in CANARY}
    assert all(in_tables.values()), in_tables
    for model in (Rsvp, Guest, Contact, Pledge, Message, EmailPreference, Import, Invitation):
        assert any(each.model is model for each in everything_about(Person(EMAIL))), model
    assert watch.found() == {}
    row = row_of(Person(EMAIL))
    path = f"{ADMIN}privacy/erasure/person/{row._meta.label_lower}/{row.pk}/erase/"
    assert office.post(path, follow=True).status_code == 200
    kept_on_purpose = {"privacy.Hold.email", "privacy.Hold.reason"}
    left = {word: everywhere(word).keys() - kept_on_purpose for word in CANARY}
    of_the_organization = left.pop("wallaby")
    assert left == {word: set() for word in left}
    assert "partners.Promise.note" in of_the_organization
    assert watch.found() == {}


def test_control_a_canary_in_each_place_is_found(watch, office):
    logging.getLogger("imagine").info(NAME)
    page_cache.cached_pages["x"] = NAME
    caches["default"].set("x", NAME)
    dispatch.publish("tests.nothing", (NAME,))
    office.get("/imagine/", headers={"X-Nothing": "1"})
    RecordingClient.headers_seen.append(json.dumps({"Location": base64.b64encode(NAME.encode()).decode()}))
    SecurityEvent.objects.create(kind="exported", facts={"name": NAME})
    found = watch.found()
    page_cache.cached_pages.clear()
    caches["default"].clear()
    assert found == {place: ["zephyrine", "quokka"] for place in watch.places()}
