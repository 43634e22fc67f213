"""Take delivery reports that a mail server or an email service posts, signed with BOUNCE_WEBHOOK_SECRET."""

import hmac
import re
import time

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from imagine.core.uploads import takes_content_types
from imagine.mail.reports import recording
from imagine.mail.reports.parsing import read_json_report, read_reports

SIGNATURE_HEADER = "Report-Signature"
SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")
MAX_AGE = 300  # seconds between signing and arrival, either way, because clocks differ
READERS = {"message/rfc822": read_reports, "application/json": read_json_report}


@csrf_exempt  # the signature proves who sent it
@takes_content_types(*READERS)
def delivery_report(request: HttpRequest) -> HttpResponse:
    """Record a report: an email as it is, or JSON. The answer says what became of it, in one line."""
    if not settings.BOUNCE_WEBHOOK_SECRET:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not is_signed(request.headers.get(SIGNATURE_HEADER, ""), request.body):
        return HttpResponseForbidden("The signature is missing, wrong or too old.\n", "text/plain; charset=utf-8")
    if request.content_type not in READERS:
        return HttpResponse("Send message/rfc822 or application/json.\n", "text/plain; charset=utf-8", status=415)
    outcome = recording.record_content(request.body, READERS[request.content_type])
    status = 503 if outcome == recording.Outcome.TOO_EARLY else 200  # the sender tries again
    return HttpResponse(f"{outcome}\n", "text/plain; charset=utf-8", status=status)


def is_signed(header: str, body: bytes) -> bool:
    """Return whether the header is "t=SECONDS,v1=HEX": now, and the HMAC-SHA256 of SECONDS, a dot, and the body."""
    match = SIGNATURE.fullmatch(header)
    if not match or abs(time.time() - int(match[1])) > MAX_AGE:
        return False
    return hmac.compare_digest(signature(match[1], body), match[2])


def signature(timestamp: str, body: bytes) -> str:
    return hmac.digest(settings.BOUNCE_WEBHOOK_SECRET.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
