"""The script that posts a mail server's delivery report."""

import subprocess
import sys

import pytest

from imagine.mail.models import Message
from tests.deploy.image import PROJECT
from tests.mail.mail_server import free_port
from tests.mail.reports import postfix, sent_message

SECRET = "not-a-secret-0123456789-abcdefghij"


def run_script(url: str, secret_file: str, report: bytes) -> subprocess.CompletedProcess:
    command = [sys.executable, str(PROJECT / "deploy" / "post_report.py"), url, secret_file]
    return subprocess.run(command, input=report, capture_output=True, timeout=30)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_script_posts_a_delivery_report(live_server, settings, tmp_path):
    settings.BOUNCE_WEBHOOK_SECRET = SECRET
    secret_file = tmp_path / "secret"
    secret_file.write_text(f"{SECRET}\n")
    report = postfix(sent_message(body_html="<p>" + "long " * 200_000))
    url = f"{live_server.url}/imagine/mail/reports/"
    ran = run_script(url, str(secret_file), report)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert Message.objects.get().bounced_at
    secret_file.write_text("another")
    for wrong_url in (url, f"http://127.0.0.1:{free_port()}/"):
        ran = run_script(wrong_url, str(secret_file), report)
        assert ran.returncode == 75
        assert ran.stderr.startswith(b"The report can't be posted: ")
