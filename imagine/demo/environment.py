"""The environment of the demo's processes, and the secrets it keeps from one run to the next."""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parent.parent.parent
VAR = PROJECT / "var"
RUNNING = VAR / "run" / "environment.json"  # exists while the demo runs


def variable_value(name: str) -> str:
    """Return the variable's value or "". An empty variable counts as unset, as in settings.py."""
    return os.environ.get(name, "").strip()


def is_set(name: str) -> bool:
    """Return whether the caller gave the variable, or a file with its value."""
    return bool(variable_value(name) or variable_value(f"{name}_FILE"))


def demo_environment(port: int, servers: dict[str, str]) -> dict[str, str]:
    """Return each variable that settings.py reads: the caller's value or the demo's. `servers` are URLs by variable."""
    defaults = {
        **servers,
        "EMAIL_URL": f"file://{quote(str(VAR / 'mail'))}",
        "SITE_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": stored_secret("secret-key", 50),
        "MAIL_FROM": "Imagine Promise <imagine@example.org>",
        "MAIL_REPLY_TO": "community-relations@example.org",
        "MAIL_POSTAL_ADDRESS": "701 N. Madison Street, Stockton, CA 95202",
        "DEMO": "1",
        "DEMO_STAFF_PASSWORD": stored_secret("staff-password", 9),
    }
    return {**os.environ, **{name: value for name, value in defaults.items() if not is_set(name)}}


def store_environment(env: dict[str, str]) -> None:
    """Let manage.py find the running demo. Only the file's owner can read it."""
    RUNNING.unlink(missing_ok=True)
    RUNNING.touch(0o600)
    own = {name: value for name, value in env.items() if value != os.environ.get(name)}
    RUNNING.write_text(json.dumps(own))


def delete_stored_environment() -> None:
    RUNNING.unlink(missing_ok=True)


def running_environment() -> dict[str, str]:
    """Return the environment of the demo running in this folder; {} if none runs or it belongs to another user."""
    try:
        return json.loads(RUNNING.read_text())
    except (OSError, ValueError):
        return {}


def stored_secret(name: str, size: int) -> str:
    """Return a random secret, created once and kept in a file that only its owner can read."""
    file = VAR / name
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_urlsafe(size))
    return file.read_text()
