"""What a partner's browser sends from the page of a pledge."""

from django.test import Client
from django.urls import reverse

from partners.models import PromiseType, School
from tests import web_client


def pledge_url(token: str, name: str = "pledge") -> str:
    return reverse(name, args=[token])


def untouched(token: str, client: Client | None = None) -> dict:
    """Return the page's form data unchanged."""
    return web_client.form_fields((client or Client()).get(pledge_url(token)))


def selected(code: str = "tours", quantity: str = "6", *, schools: tuple[School, ...] = (), **fields) -> dict:
    """Return form data for one selected promise type."""
    name = f"promise-{PromiseType.objects.get(code=code).pk}"
    data = {f"{name}-ticked": "on", f"{name}-quantity": quantity}
    data |= {f"{name}-{field}": value for field, value in fields.items()}
    if schools:
        data |= {f"{name}-where": "somewhere", f"{name}-schools": [str(school.pk) for school in schools]}
    return data


def signature(name: str = "Alma Reyes", **fields) -> dict:
    return {"sign": "1", "sign-name": name, "sign-may": "on"} | {
        f"sign-{field}": text for field, text in fields.items()
    }


def submit(token: str, *parts: dict, client: Client | None = None, **fields):
    """Open the page, fill in `parts` and `fields`, and send it as a draft, unless a part signs it."""
    client = client or Client()
    return send(token, untouched(token, client), *parts, fields, client=client)


def send(token: str, *parts: dict, client: Client | None = None):
    """Send a page that was already open, with `parts` filled in."""
    data = {}
    for part in parts:
        data |= part
    return (client or Client()).post(pledge_url(token), data if "sign" in data else data | {"save": "1"})
