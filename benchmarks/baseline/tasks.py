"""The baseline for email: a Celery task sends one email or many over a kept connection and stores nothing. It sends
one of the product's emails."""

import json
import os
from functools import cache
from pathlib import Path

from celery import Celery
from django.core.mail import EmailMultiAlternatives, get_connection

app = Celery("baseline")
app.config_from_object("django.conf:settings", namespace="CELERY")


@cache
def connection():
    kept = get_connection()
    kept.open()
    return kept


@cache
def sample_email() -> dict[str, str]:
    return json.loads((Path(os.environ["BENCHMARK_FOLDER"]) / "sample_email.json").read_text())


@app.task
def mail(*addresses: str) -> None:
    words = sample_email()
    for to in addresses:
        email = EmailMultiAlternatives(words["subject"], words["text"], "baseline@example.org", [to])
        email.attach_alternative(words["html"], "text/html")
        email.attach_alternative(words["calendar"], "text/calendar")
        connection().send_messages([email])
