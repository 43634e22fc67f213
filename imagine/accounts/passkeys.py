"""Passkeys (WebAuthn) as a second step, with fido2. Imported where used, because its cryptography takes 5 MB.

A challenge is kept in the session and used once. The page's script takes the options from the page and sends the
credential back as one field of a form.
"""

import json
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from imagine.accounts import second_factor
from imagine.accounts.models import Passkey
from imagine.core.errors import RuleViolation

STATE = "passkey_state"
MAX_LENGTH_RESPONSE = 20_000
# All that fido2 raises for a response that is not what a browser sends.
BAD_RESPONSE = (ValueError, TypeError, KeyError, AttributeError, AssertionError, RecursionError, LookupError)


class WrongPasskey(RuleViolation):
    """The passkey isn't the account's, is another site's, or its response was made up."""


def server() -> Fido2Server:
    """Return the server for the admin's host name. Browsers reject IP addresses, so on this machine it is localhost."""
    site = urlsplit(settings.ADMIN_SITE_URL)
    is_here = site.hostname in {"127.0.0.1", "::1", "localhost"}
    host = "localhost" if is_here else str(site.hostname)
    port = f":{site.port}" if site.port else ""
    origin = f"{site.scheme}://{host}{port}"
    relying_party = PublicKeyCredentialRpEntity(id=host, name="Imagine Promise")
    return Fido2Server(relying_party, verify_origin=lambda claimed: claimed == origin)


def stored(user: User) -> list[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(passkey.data)) for passkey in user.passkeys.all()]


def creation_options(session: SessionBase, user: User) -> dict:
    """Return what the browser needs to make a passkey."""
    owner = PublicKeyCredentialUserEntity(
        id=str(user.pk).encode(), name=user.get_username(), display_name=user.get_full_name() or user.get_username()
    )
    options, session[STATE] = server().register_begin(
        owner,
        stored(user),
        resident_key_requirement=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(options.public_key)


def request_options(session: SessionBase, user: User) -> dict:
    """Return what the browser needs to use one of the account's passkeys."""
    options, session[STATE] = server().authenticate_begin(
        stored(user), user_verification=UserVerificationRequirement.PREFERRED
    )
    return dict(options.public_key)


@transaction.atomic
def add(session: SessionBase, user: User, response: str, *, name: str) -> Passkey:
    """Add the passkey that the browser made. Raise WrongPasskey."""
    state, parsed = session.pop(STATE, None), parse(response)
    try:
        made = server().register_complete(state, parsed).credential_data
        if made is None:
            raise WrongPasskey
        with transaction.atomic():
            passkey = Passkey.objects.create(user=user, name=name, credential_id=made.credential_id, data=bytes(made))
    except (*BAD_RESPONSE, IntegrityError) as error:
        raise WrongPasskey from error
    second_factor.announce_added(user, second_factor.PASSKEY)
    return passkey


@transaction.atomic
def check_passkey(session: SessionBase, user: User, response: str) -> None:
    """Check a passkey of the account. Raise WrongPasskey."""
    state, parsed = session.pop(STATE, None), parse(response)
    rows = {bytes(row.credential_id): row for row in user.passkeys.select_for_update().order_by("pk")}
    credentials = [AttestedCredentialData(bytes(row.data)) for row in rows.values()]
    try:
        used = server().authenticate_complete(state, credentials, parsed)
        sign_count = AuthenticationResponse.from_dict(parsed).response.authenticator_data.counter
    except BAD_RESPONSE as error:
        raise WrongPasskey from error
    passkey = rows[used.credential_id]
    if sign_count and sign_count <= passkey.sign_count:
        raise WrongPasskey  # a copy of the authenticator counts on its own
    passkey.sign_count, passkey.last_used_at = sign_count, timezone.now()
    passkey.save()


def parse(response: str) -> dict:
    if len(response) > MAX_LENGTH_RESPONSE:
        raise WrongPasskey
    try:
        parsed = json.loads(response)
    except (ValueError, RecursionError) as error:
        raise WrongPasskey from error
    if not isinstance(parsed, dict):
        raise WrongPasskey
    return parsed
