"""A small server that acts as the district's OpenID Connect provider, with its own key."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from django.test import Client
from jwt.algorithms import RSAAlgorithm

from tests.accounts.people import LOGIN

START, BACK = f"{LOGIN}district/", f"{LOGIN}district/back/"
CLIENT_ID, CLIENT_SECRET = "promise", "s3cret"
GROUPS = {"promise-office": "Community Relations", "promise-board": "Viewer"}
KEY, OTHER_KEY = (rsa.generate_private_key(65537, 2048) for _key in range(2))


class District(ThreadingHTTPServer):
    """Exchanges any code for a token with `claims`, signed with `key`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.claims: dict = {}
        self.key, self.algorithm, self.forms = KEY, "RS256", []

    def claims_of(self, nonce: str, /, **changed) -> dict:
        """Return the claims about Ben, who is in the office's group. None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "sub": "12345",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": "Ben@example.org",
            "email_verified": True,
            "name": "Ben Ochoa",
            "groups": ["promise-office", "all-staff"],
        } | changed
        return {name: value for name, value in claims.items() if value is not None}

    def sign_in_page(self, query: dict[str, list[str]]) -> str:
        """Return a page with a link that leads Ben back."""
        self.claims = self.claims_of(query["nonce"][0])
        back = f"{query['redirect_uri'][0]}?{urlencode({'code': 'abc', 'state': query['state'][0]})}"
        return f"<!doctype html><title>District</title><a href='{back.replace('&', '&amp;')}'>Yes, I am Ben</a>"

    def answer(self, path: str) -> dict:
        if path == "/keys":
            return {"keys": [json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "1", "use": "sig"}]}
        if path == "/token":
            key = self.key if self.algorithm != "none" else None
            return {"id_token": jwt.encode(self.claims, key, self.algorithm, headers={"kid": "1"})}
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }


class Handler(BaseHTTPRequestHandler):
    server: District

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        is_page = address.path == "/authorize"
        page = self.server.sign_in_page(parse_qs(address.query)) if is_page else ""
        body = (page or json.dumps(self.server.answer(self.path))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.forms.append({name: values[0] for name, values in form.items()})
        self.do_GET()

    def log_message(self, *args) -> None:
        pass


@contextmanager
def running_district() -> Iterator[District]:
    server = District()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def leave(client: Client, **query: str) -> dict[str, str]:
    """What the browser takes along to the district."""
    sent = urlsplit(client.get(START, query)["Location"]).query
    return {name: values[0] for name, values in parse_qs(sent).items()}


def come_back(
    client: Client, district: District, *, state: str | None = None, query: dict | None = None, **changed
) -> HttpResponse:
    sent = leave(client, **(query or {}))
    district.claims = district.claims_of(sent["nonce"], **changed)
    return client.get(BACK, {"code": "abc", "state": sent["state"] if state is None else state})
