"""Sign-in with the district's OpenID Connect, with PyJWT. Off unless its four variables are set. Imported where used.

The authorization code flow with PKCE: the browser goes to the district and comes back with a code, which we trade for
an ID token. Only an ID token that the issuer signed for us, and that names this sign-in's nonce, says who it is. The
person's groups there decide the role here, at every sign-in; the second step stays ours.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from functools import lru_cache
from http.client import HTTPException
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import jwt
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.urls import reverse
from jwt import PyJWKClient

from imagine.accounts import sessions
from imagine.accounts.models import SsoIdentity, StaffSession
from imagine.core.errors import RuleViolation

STATE = "single_sign_on"
MAX_AGE = 10 * 60  # seconds to sign in at the district
TIMEOUT = 5  # seconds for each answer of the district's server
MAX_ANSWER = 256 * 1024
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]  # key pairs only
ENTRA_TENANT = re.compile(r"https://login\.microsoftonline\.(com|us)/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0")
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


class SignInRejected(RuleViolation):
    """The answer isn't the district's, or isn't about a member of staff."""


def start_single_sign_on(session: SessionBase, *, next_url: str, shared_computer: bool = False) -> str:
    """Return where to send the browser."""
    endpoint, verifier = provider()["authorization_endpoint"], secrets.token_urlsafe(48)
    session[STATE] = sent = {
        "state": secrets.token_urlsafe(24),
        "nonce": secrets.token_urlsafe(24),
        "verifier": verifier,
        "since": int(time.time()),
        "next": next_url,
        "shared_computer": shared_computer,
    }
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": redirect_uri(),
        "scope": "openid email profile",
        "state": sent["state"],
        "nonce": sent["nonce"],
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoint}?{urlencode(parameters)}"


def finish_single_sign_on(session: SessionBase, answer: dict[str, str]) -> tuple[User, str, bool]:
    """Return who came back from the district, where they wanted to go, and whether others use the computer, too.
    Raise SignInRejected."""
    sent = session.pop(STATE, None)
    if not sent or time.time() - sent["since"] > MAX_AGE:
        raise SignInRejected
    if not secrets.compare_digest(answer.get("state", "").encode(), sent["state"].encode()) or not answer.get("code"):
        raise SignInRejected
    claims = verified_claims(id_token(answer["code"], sent["verifier"]), nonce=sent["nonce"])
    return account_of(claims), sent["next"], sent["shared_computer"]


def redirect_uri() -> str:
    return settings.ADMIN_SITE_URL + reverse("sso_callback")


# The district's server -------------------------------------------------------------------------------------------


def provider() -> dict[str, Any]:
    """Return what the district's server says about itself, read again every hour."""
    return _provider(settings.OIDC_ISSUER, int(time.time() // 3600))


@lru_cache(maxsize=2)
def _provider(issuer: str, hour: int) -> dict[str, Any]:
    found = ask(f"{issuer}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != issuer:
        raise SignInRejected
    return found


@lru_cache(maxsize=2)
def keys(address: str) -> PyJWKClient:
    """Return the district's keys. They are cached, and fetched again for a key that is new."""
    check_address(address)
    return PyJWKClient(address, timeout=TIMEOUT)


def id_token(code: str, verifier: str) -> str:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri(),
        "client_id": settings.OIDC_CLIENT_ID,
        "client_secret": settings.OIDC_CLIENT_SECRET,
        "code_verifier": verifier,
    }
    token = ask(provider()["token_endpoint"], urlencode(form).encode()).get("id_token")
    if not isinstance(token, str):
        raise SignInRejected
    return token


def ask(address: str, form: bytes | None = None) -> dict[str, Any]:
    check_address(address)
    request = Request(address, form, {"Accept": "application/json"})  # noqa: S310 (checked above)
    try:
        with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310  # nosec (checked above)
            found = json.loads(response.read(MAX_ANSWER))
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise SignInRejected from error
    if not isinstance(found, dict):
        raise SignInRejected
    return found


def check_address(address: str) -> None:
    """Raise SignInRejected unless answers are encrypted or come from this machine."""
    if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise SignInRejected


def verified_claims(token: str, *, nonce: str) -> dict[str, Any]:
    """Return what a token says if the district signed it for us, recently, and for this sign-in. Otherwise raise
    SignInRejected."""
    try:
        claims = jwt.decode(
            token,
            keys(provider()["jwks_uri"]).get_signing_key_from_jwt(token),
            algorithms=ALGORITHMS,
            audience=settings.OIDC_CLIENT_ID,
            issuer=provider()["issuer"],
            leeway=60,
            options={"require": REQUIRED},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise SignInRejected from error
    if not isinstance(claims["nonce"], str) or not secrets.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise SignInRejected
    if claims.get("azp", settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID:
        raise SignInRejected
    return claims


# Accounts and roles ----------------------------------------------------------------------------------------------


def account_of(claims: dict[str, Any]) -> User:
    """Return the account the claims are about, with the roles of its groups. Create it for a new person. For someone in
    none of the groups, take away their roles and raise SignInRejected."""
    roles = roles_of(claims)
    try:
        return account_with_roles(claims, roles)
    except IntegrityError as error:  # they came back in another browser at the same moment
        raise SignInRejected from error


def account_with_roles(claims: dict[str, Any], roles: list[Group]) -> User:
    with transaction.atomic():
        identity = SsoIdentity.objects.filter(issuer=claims["iss"], subject=claims["sub"]).first()
        if roles:
            return updated_account(identity.user if identity else linked_account(claims), roles)
        if identity:
            identity.user.groups.clear()
            sessions.end_sessions(identity.user, StaffSession.objects.all())
    raise SignInRejected


def roles_of(claims: dict[str, Any]) -> list[Group]:
    groups = claims.get("groups", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SignInRejected  # "groups": "staff" would hold every group whose name is a part of it
    names = {settings.OIDC_GROUPS[group] for group in groups if group in settings.OIDC_GROUPS}
    return list(Group.objects.filter(name__in=names))


def updated_account(user: User, roles: list[Group]) -> User:
    if not user.is_active:
        raise SignInRejected
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    if set(user.groups.all()) != set(roles):
        user.groups.set(roles)
    return user


def is_email_verified(claims: dict[str, Any]) -> bool:
    """Microsoft Entra ID never says `email_verified`: an address there is what its owner or another tenant entered. Of
    a single tenant, its optional claim `xms_edov` says that the tenant owns the address's domain, or that the address
    was proven in another way."""
    if ENTRA_TENANT.fullmatch(claims["iss"]):
        return claims.get("xms_edov") in (True, "1", "true")
    return claims.get("email_verified") is True


def linked_account(claims: dict[str, Any]) -> User:
    """Link the person to the account with their address, or to a new one. The district must say that it verified it."""
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or not is_email_verified(claims):
        raise SignInRejected
    user = User.objects.filter(email__iexact=email).order_by("pk").first()
    if user is None:
        name = claims.get("name")
        user = User(username=email.lower(), email=email, first_name=name[:150] if isinstance(name, str) else "")
        user.set_unusable_password()
        user.save()
    elif user.is_superuser or hasattr(user, "sso_identity"):
        raise SignInRejected  # superusers sign in here; the other address is someone else's now
    SsoIdentity.objects.create(user=user, issuer=claims["iss"], subject=claims["sub"])
    return user
