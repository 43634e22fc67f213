"""Delivery reports posted to the webhook: signatures, and accepted formats."""

import json
import time

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from imagine.mail import mime
from imagine.mail.models import EmailPreference, Message
from imagine.mail.reports import webhook
from tests.mail.reports import complaint, postfix, sent_message

pytestmark = pytest.mark.django_db

URL = "/imagine/mail/reports/"
SECRET = "not-a-secret-0123456789-abcdefghij"


@pytest.fixture(autouse=True)
def secret(settings):
    settings.BOUNCE_WEBHOOK_SECRET = SECRET


def sign(body: bytes, *, age: int = 0) -> str:
    timestamp = str(int(time.time()) - age)
    return f"t={timestamp},v1={webhook.signature(timestamp, body)}"


def post(body: bytes, signature: str | None = None, content_type: str = "message/rfc822") -> HttpResponse:
    client = Client(enforce_csrf_checks=True)
    headers = {"Report-Signature": sign(body) if signature is None else signature}
    return client.post(URL, body, content_type=content_type, headers=headers)


def status_and_text(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.content.decode().strip()


def bounced() -> int:
    return Message.objects.filter(bounced_at__isnull=False).count()


def test_a_signed_report_is_recorded_once():
    report = postfix(sent_message())
    assert status_and_text(post(report)) == (200, "bounced")
    assert EmailPreference.objects.exclude(suppressed_at=None).count() == bounced() == 1
    assert status_and_text(post(report)) == (200, "known already")
    assert status_and_text(post(complaint(sent_message("other:1", recipient="ben@example.org")))) == (200, "complained")
    assert status_and_text(post(b"Subject: Hello\n\nHello")) == (200, "not a report")


def test_signature_matches_the_openssl_example_in_the_readme(settings):
    settings.BOUNCE_WEBHOOK_SECRET = "key-" * 8  # printf '1764528000.body\n' | openssl dgst -sha256 -hmac key-key-…
    expected = "4e2ff03fca86ddf1a047d973db7568606a439152eab0eca202d570968c4c0049"
    assert webhook.signature("1764528000", b"body\n") == expected


def test_a_report_with_a_bad_signature_changes_nothing():
    report = postfix(sent_message())
    valid, later = sign(report), sign(report + b" ")
    invalid = {
        "none": "",
        "of another body": later,
        "of another time": valid.replace("t=1", "t=0", 1),
        "too old": sign(report, age=301),
        "from the future": sign(report, age=-305),
        "cut off": valid[:-1],
        "longer": valid + "0",
        "capitals": valid.upper(),
        "no time": valid.partition(",")[2],
        "huge time": valid.replace("t=", "t=" + "9" * 300, 1),
        "not ASCII": valid.replace("t=", "t=²", 1),
        "two": f"{valid},{valid}",
    }
    for name, signature in invalid.items():
        assert post(report, signature).status_code == 403, name
    assert bounced() == 0
    assert post(report, sign(report, age=290)).status_code == 200


def test_report_about_an_email_being_sent_must_be_posted_again():
    message = sent_message()
    claim = {"claim_id": message.pk, "claim_expires_at": timezone.now()}
    Message.objects.update(state="sending", sent_at=None, **claim)
    assert status_and_text(post(postfix(message))) == (503, "too early")
    Message.objects.update(state="sent", sent_at=timezone.now(), claim_id=None, claim_expires_at=None)
    assert status_and_text(post(postfix(message))) == (200, "bounced")


def test_webhook_without_a_secret_is_404(settings):
    settings.BOUNCE_WEBHOOK_SECRET = ""
    report = postfix(sent_message())
    assert post(report).status_code == 404
    assert Client().get(URL).status_code == 404
    assert bounced() == 0


def test_only_reports_of_allowed_size_and_type_are_accepted():
    assert Client().get(URL).status_code == 405
    assert post(b"x" * (512 * 1024 + 1)).status_code == 413
    assert post(b"<x/>", content_type="text/xml").status_code == 415
    assert post(b"a=b", content_type="application/x-www-form-urlencoded").status_code == 415
    assert post(b"a=b", content_type="message/rfc822; charset=iso-8859-1").status_code == 415
    assert Client().post("/imagine/rsvp/find/", b"{}", content_type="application/json").status_code == 415


# JSON ------------------------------------------------------------------------------------------------------------


def as_json(message: Message, **changed: object) -> bytes:
    data = {
        "kind": "bounce",
        "message_id": mime.message_id(message),
        "recipient": message.recipient,
        "status": "5.1.1",
        "diagnostic": "smtp; 550 5.1.1 No such user",
    }
    return json.dumps({name: value for name, value in (data | changed).items() if value is not None}).encode()


def post_json(body: bytes) -> tuple[int, str]:
    return status_and_text(post(body, content_type="application/json"))


def test_bounces_and_complaints_are_recorded_from_json():
    message = sent_message()
    assert post_json(as_json(message)) == (200, "bounced")
    assert EmailPreference.objects.get().suppression_reason == "550 5.1.1 No such user"
    assert post_json(as_json(message)) == (200, "known already")
    full = sent_message("full:1", recipient="full@example.org")
    assert post_json(as_json(full, status="5.2.2", diagnostic=None)) == (200, "bounced")
    assert EmailPreference.objects.count() == 1
    assert post_json(as_json(full, kind="complaint", status=None, diagnostic=None)) == (200, "complained")


def test_bad_json_changes_nothing():
    message = sent_message()
    invalid = [
        b"{",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"bounce"',
        b"\xff",
        b"{}",
        as_json(message, kind="delay"),
        as_json(message, kind=None),
        as_json(message, kind=["bounce"]),
        as_json(message, message_id=None),
        as_json(message, message_id=f"<{'0' * 32}@example.org>"),
        as_json(message, message_id=str(message.pk)),
        as_json(message, recipient=None),
        as_json(message, recipient=""),
        as_json(message, recipient="ben@example.org"),
        as_json(message, recipient=[message.recipient]),
        as_json(message, status=5),
        as_json(message, diagnostic={"a": "b"}),
    ]
    for body in invalid:
        status, outcome = post_json(body)
        assert (status, outcome in {"not ours", "not a report"}) == (200, True), body[:80]
    assert bounced() == 0
    assert not EmailPreference.objects.exists()
