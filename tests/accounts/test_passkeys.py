"""Passkeys as a second step. A software authenticator acts as browser and security key."""

import json
import re
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from imagine.accounts import passkeys, second_factor, sign_in
from imagine.mail.models import Message
from tests.accounts.people import ACCOUNT, SECOND_STEP, SET_UP, add_app, change_session, give_password, is_signed_in
from tests.web_client import page_text

pytestmark = pytest.mark.django_db
ORIGIN = "https://www.example.org"


@pytest.fixture(autouse=True)
def public_site(settings):
    settings.ADMIN_SITE_URL = ORIGIN


@dataclass
class Authenticator:
    host: str = "www.example.org"
    origin: str = ORIGIN
    credential_id: bytes = b"0123456789abcdef"
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def client_data(self, kind: str, options: dict) -> CollectedClientData:
        return CollectedClientData.create(kind, websafe_decode(options["challenge"]), self.origin)

    def create(self, options: dict) -> str:
        attested = AttestedCredentialData.create(
            Aaguid.NONE, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT
        data = AuthenticatorData.create(sha256(self.host.encode()), flags, self.count, attested)
        response = {
            "clientDataJSON": websafe_encode(self.client_data("webauthn.create", options)),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        }
        return self.credential(response)

    def get(self, options: dict) -> str:
        self.count += 1
        client_data = self.client_data("webauthn.get", options)
        data = AuthenticatorData.create(sha256(self.host.encode()), AuthenticatorData.FLAG.UP, self.count)
        signature = self.key.sign(data + client_data.hash, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
        }
        return self.credential(response)

    def credential(self, response: dict) -> str:
        name = websafe_encode(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def options_of(response) -> dict:
    """Return the options that the page gives to its script."""
    return json.loads(re.search(r'id="passkey-options"[^>]*>(.*?)</script>', response.content.decode())[1])


def with_passkey(user: User) -> Authenticator:
    authenticator, session = Authenticator(), {}
    passkeys.add(session, user, authenticator.create(passkeys.creation_options(session, user)), name="Laptop")
    return authenticator


def at_second_step() -> Client:
    client = Client()
    give_password(client)
    return client


def test_new_user_sets_up_a_passkey_and_signs_in_with_it(clerk):
    client, authenticator = at_second_step(), Authenticator()
    created = client.post(SET_UP, {"credential": authenticator.create(options_of(client.get(SET_UP)))})
    assert created["Location"].startswith(f"{ACCOUNT}recovery-codes/")
    assert is_signed_in(client)
    assert [message.kind for message in Message.objects.all()] == ["factor_added"]
    second_client = at_second_step()
    options = options_of(second_client.get(SECOND_STEP))
    assert [row["id"] for row in options["allowCredentials"]] == [websafe_encode(authenticator.credential_id)]
    assert second_client.post(SECOND_STEP, {"credential": authenticator.get(options)}).status_code == 302
    assert is_signed_in(second_client)


def test_passkey_can_be_added_beside_an_authenticator_app(clerk):
    add_app(clerk)
    client = Client()
    client.force_login(clerk)
    page = f"{ACCOUNT}passkey/"
    client.post(page, {"credential": Authenticator().create(options_of(client.get(page)))})
    assert second_factor.factors_of(clerk).count == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "evil.example.org"},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        pytest.param({"origin": "https://evil.example.org"}, marks=pytest.mark.slow),
        pytest.param({"origin": "http://www.example.org"}, marks=pytest.mark.slow),
        pytest.param({"origin": "https://www.example.org.evil.example"}, marks=pytest.mark.slow),
        pytest.param({"credential_id": b"another one 1234"}, marks=pytest.mark.slow),
    ],
)
def test_passkey_of_another_host_or_user_is_refused(clerk, changed):
    authenticator, client = with_passkey(clerk), at_second_step()
    for name, value in changed.items():
        setattr(authenticator, name, value)
    created = client.post(SECOND_STEP, {"credential": authenticator.get(options_of(client.get(SECOND_STEP)))})
    assert "doesn’t belong to your account" in page_text(created)
    assert not is_signed_in(client)


@pytest.mark.slow
def test_passkey_response_works_once_and_only_for_its_challenge(clerk):
    authenticator, client = with_passkey(clerk), at_second_step()
    created = authenticator.get(options_of(client.get(SECOND_STEP)))
    client.get(SECOND_STEP)  # a different challenge
    assert client.post(SECOND_STEP, {"credential": created}).status_code == 200
    valid = authenticator.get(options_of(client.get(SECOND_STEP)))
    assert client.post(SECOND_STEP, {"credential": valid}).status_code == 302
    other_client = at_second_step()
    assert other_client.post(SECOND_STEP, {"credential": valid}).status_code == 200  # no challenge was given
    other_client.get(SECOND_STEP)
    assert other_client.post(SECOND_STEP, {"credential": valid}).status_code == 200


def test_passkey_is_required_again_before_account_changes(clerk):
    authenticator, client = with_passkey(clerk), Client()
    client.force_login(clerk)
    change_session(client, lambda session: session.update({sign_in.CONFIRMED_AT: 0}))
    confirm = client.get(f"{ACCOUNT}passkey/")["Location"]
    created = authenticator.get(options_of(client.get(confirm)))
    assert client.post(confirm, {"credential": created[:-9]}).status_code == 200
    created = authenticator.get(options_of(client.get(confirm)))
    assert client.post(confirm, {"credential": created})["Location"] == f"{ACCOUNT}passkey/"
    assert client.get(f"{ACCOUNT}passkey/").status_code == 200


@pytest.mark.slow
def test_copied_authenticator_is_detected_by_its_counter(clerk):
    authenticator = with_passkey(clerk)
    for count, status in ((5, 302), (3, 200)):
        authenticator.count, client = count, at_second_step()
        created = client.post(SECOND_STEP, {"credential": authenticator.get(options_of(client.get(SECOND_STEP)))})
        assert created.status_code == status


def test_same_passkey_cannot_be_added_twice(clerk):
    authenticator = with_passkey(clerk)
    other_client = User.objects.create_user("other")
    session = {}
    credential = authenticator.create(passkeys.creation_options(session, other_client))
    with pytest.raises(passkeys.WrongPasskey):
        passkeys.add(session, other_client, credential, name="Stolen")


NONSENSE = ["", "{}", "[]", "null", "[" * 19_000, "x" * 30_000, '{"response": {}}', '{"id": 1, "rawId": "é"}']


@pytest.mark.slow
@pytest.mark.parametrize("page", [SECOND_STEP, SET_UP])
def test_malformed_passkey_responses_are_refused(subtests, clerk, page):
    if page == SECOND_STEP:
        with_passkey(clerk)
    client = at_second_step()
    for credential in NONSENSE:
        with subtests.test(credential=credential[:20]):
            client.get(page)
            assert client.post(page, {"credential": credential}).status_code == 200
            assert not is_signed_in(client)
