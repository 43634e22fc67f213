"""Staff at the sign-in pages."""

import time
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "eight channels meet"
LOGIN, ADMIN = "/imagine/admin/login/", "/imagine/admin/"
SECOND_STEP, SET_UP = "/imagine/admin/login/second-step/", "/imagine/admin/login/set-up/"
ACCOUNT = "/imagine/admin/account/"


def give_password(client: Client, password: str = PASSWORD, *, name: str = "clerk@example.org", **fields):
    address = fields.pop("address", "127.0.0.1")
    return client.post(LOGIN, {"username": name, "password": password, **fields}, REMOTE_ADDR=address)


def add_app(user: User, **fields) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, name="totp", confirmed=True, **fields)


def code_of(device: TOTPDevice, *, seconds: int = 0) -> str:
    """Return the code that the app shows now, or this many seconds later."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + seconds
    return f"{totp.token():06d}"


def wrong_code(device: TOTPDevice) -> str:
    right = {code_of(device, seconds=seconds) for seconds in range(-120, 121, 30)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)


def sign_in_with_app(user: User, device: TOTPDevice | None = None, **fields) -> Client:
    """Sign in with a password and a code."""
    client = Client()
    device = device or add_app(user)
    assert give_password(client, name=user.username, **fields)["Location"] == SECOND_STEP
    response = client.post(SECOND_STEP, {"code": code_of(device)})
    assert response.status_code == 302, response.content.decode()
    return client


def is_signed_in(client: Client) -> bool:
    return client.get(ADMIN).status_code == 200


def change_session(client: Client, change: Callable[[dict], None]) -> None:
    """Change the data of a browser's session."""
    session = client.session
    change(session)
    session.save()
