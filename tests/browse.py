"""What a guest's browser sends."""

import re
from html import unescape

from django.test import Client

from summit.models import Event


def browser(event: Event | None = None) -> Client:
    """A browser that has the event's page open, and with it the cookie that marks it."""
    client = Client()
    client.get(event.get_absolute_url() if event else "/imagine/")
    return client


def answers(**fields) -> dict:
    """The form as a guest of one fills it in."""
    return {"name": "Alma Reyes", "email": "alma@example.org", "size": "1", "accepts_fewer": "wait"} | fields


def text(response) -> str:
    """The words of a page, without its tags."""
    body = re.sub(r"<(script|style|head)\b.*?</\1>", "", response.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())
