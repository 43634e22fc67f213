#!/usr/bin/env python3
"""Post the delivery report on standard input to the site's webhook: post_report.py URL SECRET_FILE

For a mail server on another machine; it needs nothing but Python. In /etc/aliases of Postfix:

    bounces: "|/usr/local/bin/post_report.py https://promise.example.org/imagine/mail/reports/ /etc/bounce_secret"

If the site can't be reached, it exits with EX_TEMPFAIL, so that the mail server tries again.
"""

import hmac
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

EX_TEMPFAIL = 75
TIMEOUT = 20  # seconds
MAX_SIZE = 256 * 1024  # bytes; the site reads no more, and refuses twice as much


def post(url: str, secret: bytes, report: bytes) -> None:
    timestamp = str(int(time.time()))
    signature = hmac.digest(secret, timestamp.encode() + b"." + report, "sha256").hex()
    headers = {"Content-Type": "message/rfc822", "Report-Signature": f"t={timestamp},v1={signature}"}
    urlopen(Request(url, report, headers), timeout=TIMEOUT).close()  # noqa: S310  the URL is IT's own


if __name__ == "__main__":
    url, secret_file = sys.argv[1:]
    try:
        post(url, Path(secret_file).read_bytes().strip(), sys.stdin.buffer.read()[:MAX_SIZE])
    except OSError as error:
        print(f"The report can't be posted: {type(error).__name__}", file=sys.stderr)
        sys.exit(EX_TEMPFAIL)
