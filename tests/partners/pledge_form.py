"""What a partner's browser sends from the page of a pledge."""

from django.test import Client
from django.urls import reverse

from partners.models import PromiseType, School
from tests import web_client


def pledge_url(token: str, name: str = "pledge") -> str:
    return reverse(name, args=[token])


def untouched(token: str, client: Client | None = None) -> dict:
    """The page as it would be sent untouched."""
    return web_client.form_fields((client or Client()).get(pledge_url(token)))


def tick(code: str = "tours", quantity: str = "6", *, schools: tuple[School, ...] = (), **fields) -> dict:
    """One kind ticked, with what is typed below it."""
    name = f"promise-{PromiseType.objects.get(code=code).pk}"
    sent = {f"{name}-ticked": "on", f"{name}-quantity": quantity}
    sent |= {f"{name}-{field}": value for field, value in fields.items()}
    if schools:
        sent |= {f"{name}-where": "somewhere", f"{name}-schools": [str(school.pk) for school in schools]}
    return sent


def signature(name: str = "Alma Reyes", **fields) -> dict:
    return {"sign": "1", "sign-name": name, "sign-may": "on"} | {
        f"sign-{field}": said for field, said in fields.items()
    }


def submit(token: str, *parts: dict, client: Client | None = None, **fields):
    """Opens the page, fills in `parts` and `fields`, and sends it: as a draft, unless a part signs."""
    client = client or Client()
    return send(token, untouched(token, client), *parts, fields, client=client)


def send(token: str, *parts: dict, client: Client | None = None):
    """Sends a page that was opened before with `parts` filled in, as `submit` does."""
    sent = {}
    for part in parts:
        sent |= part
    return (client or Client()).post(pledge_url(token), sent if "sign" in sent else sent | {"save": "1"})
