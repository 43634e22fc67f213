"""A missing or invalid variable stops startup with an error that names it, and each variable has a row in the
README."""

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from imagine.mail.reports.mailbox_url import Mailbox

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "imagine" / "settings.py"
VALID = {
    "SECRET_KEY": "only-for-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SITE_URL": "https://www.example.org",
    "DATABASE_URL": "postgresql://user:password@127.0.0.1:5432/imagine",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_URL": "smtp://user:p%40ss@mail.example.org:587?starttls",
    "MAIL_FROM": "Imagine Promise <imagine@example.org>",
    "MAIL_REPLY_TO": "community@example.org",
    "MAIL_POSTAL_ADDRESS": "701 N. Madison Street, Stockton, CA 95202",
}

SSO = {
    "OIDC_ISSUER": "https://login.example.org/",
    "OIDC_CLIENT_ID": "promise",
    "OIDC_CLIENT_SECRET": "s3cret",
    "OIDC_GROUPS": "promise-office=Community Relations; promise-board = Viewer;",
}


def start(monkeypatch, **changed: str | None) -> dict:
    """Load the settings with a valid environment and these variables changed; None removes a variable."""
    optional = (
        "DEBUG",
        "DEMO",
        "TRUSTED_PROXIES",
        "ADMIN_URL_HOST",
        "BOUNCE_IMAP_URL",
        "BOUNCE_WEBHOOK_SECRET",
        "CERTIFICATE_SIGNER",
    )
    for name in (*optional, *SSO):
        monkeypatch.delenv(name, raising=False)
    for name, value in (VALID | changed).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    return runpy.run_path(str(SETTINGS))


def variables() -> set[str]:
    """Return the environment variables that settings.py reads."""
    calls = (node for node in ast.walk(ast.parse(SETTINGS.read_text())) if isinstance(node, ast.Call))
    readers = {"variable", "whole_number", "address"}
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in readers]
    return {call.args[0].value for call in named if isinstance(call.args[0], ast.Constant)}


def start_error(monkeypatch, name: str, value: str | None) -> str:
    """Return the error that stops startup, or "" if there is none."""
    try:
        start(monkeypatch, **{name: value})
    except SystemExit as stopped:
        return str(stopped)
    return ""


def test_missing_variable_stops_startup_and_is_named(monkeypatch):
    errors = {(name, value): start_error(monkeypatch, name, value) for name in VALID for value in (None, "", "  ")}
    sentence = r"Imagine Promise can't start: {} is not set\. It is .+\."
    assert [case for case in errors if not re.fullmatch(sentence.format(case[0]), errors[case])] == []


def test_invalid_variable_stops_startup_and_is_named(monkeypatch):
    wrong = [
        ("SITE_URL", "www.example.org"),
        ("SITE_URL", "ftp://www.example.org"),
        ("SITE_URL", "https://www.example.org/imagine"),
        ("SITE_URL", "https://"),
        ("SITE_URL", "https://["),
        ("SITE_URL", "https://www.example.org?a=b"),
        ("DATABASE_URL", "imagine"),
        ("DATABASE_URL", "nosuch://127.0.0.1/imagine"),
        ("DATABASE_URL", "sqlite:///imagine.db"),
        ("DATABASE_URL", "mysql://127.0.0.1/imagine"),
        ("DATABASE_URL", "postgresql://user@127.0.0.1:port/imagine"),
        ("DATABASE_URL", "postgresql://user@127.0.0.1/imagine?pool_mode=statement"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://["),
        ("EMAIL_URL", "mail.example.org"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "smtp://mail.example.org:port"),
        ("EMAIL_URL", "smtp://mail.example.org:99999"),
        ("EMAIL_URL", "smtp://["),
        ("EMAIL_URL", "file://mail"),
        ("MAIL_FROM", "Imagine Promise"),
        ("MAIL_REPLY_TO", "community"),
        ("MAIL_REPLY_TO", "community@example.org\nBcc: eve@example.org"),
        ("SECRET_KEY", "x" * 50),
        ("SECRET_KEY", VALID["SECRET_KEY"][:49]),
        ("BOUNCE_IMAP_URL", "imap.example.org"),
        ("BOUNCE_IMAP_URL", "https://user:password@imap.example.org/INBOX"),
        ("BOUNCE_IMAP_URL", "imap://user:password@imap.example.org/INBOX"),
        ("BOUNCE_IMAP_URL", "imaps://imap.example.org/INBOX"),
        ("BOUNCE_IMAP_URL", "imaps://user@imap.example.org/INBOX"),
        ("BOUNCE_IMAP_URL", "imaps://user:password@/INBOX"),
        ("BOUNCE_IMAP_URL", "imaps://user:password@imap.example.org:port/INBOX"),
        ("BOUNCE_IMAP_URL", "imaps://user:password@imap.example.org/Retours%C3%A9"),
        ("BOUNCE_IMAP_URL", "imaps://user:password@imap.example.org/A%0D%0AB"),
        ("BOUNCE_WEBHOOK_SECRET", "x" * 31),
        ("ADMIN_URL_HOST", "www.example.org"),
        ("ADMIN_URL_HOST", "https://admin.example.org"),
        ("ADMIN_URL_HOST", "admin.example.org/imagine"),
        ("ADMIN_URL_HOST", "admin"),
        ("TRUSTED_PROXIES", "one"),
        ("TRUSTED_PROXIES", "-1"),
        ("TRUSTED_PROXIES", "1.5"),
        ("TRUSTED_PROXIES", "²"),
    ]
    errors = {case: start_error(monkeypatch, *case) for case in wrong}
    sentence = r"Imagine Promise can't start: {} must .+\."
    assert [case for case in wrong if not re.fullmatch(sentence.format(case[0]), errors[case])] == []


def test_single_sign_on_is_off_or_fully_configured(monkeypatch):
    assert start(monkeypatch)["OIDC_ISSUER"] == ""
    loaded = start(monkeypatch, **SSO)
    assert loaded["OIDC_ISSUER"] == "https://login.example.org"
    assert loaded["OIDC_GROUPS"] == {"promise-office": "Community Relations", "promise-board": "Viewer"}
    wrong = [{name: None} for name in SSO]
    wrong += [{"OIDC_ISSUER": "http://login.example.org"}, {"OIDC_GROUPS": "office"}, {"OIDC_GROUPS": "=Viewer"}]
    for changed in wrong:
        with pytest.raises(SystemExit, match=r"^Imagine Promise can't start: OIDC_\w+.* must .+\.$"):
            start(monkeypatch, **(SSO | changed))


def test_bounce_mailbox_url_is_parsed(monkeypatch):
    assert start(monkeypatch)["BOUNCE_MAILBOX"] is None
    url = "imaps://bounces%40example.org:p%40ss:w%2Ford@imap.example.org"
    loaded = start(monkeypatch, BOUNCE_IMAP_URL=url)["BOUNCE_MAILBOX"]
    assert loaded == Mailbox(True, "imap.example.org", 993, "bounces@example.org", "p@ss:w/ord", "INBOX")
    assert "ss:w" not in repr(loaded)
    loaded = start(monkeypatch, BOUNCE_IMAP_URL=f"{url}:1993/Reports/Old%20ones")["BOUNCE_MAILBOX"]
    assert (loaded.port, loaded.folder) == (1993, "Reports/Old ones")
    loaded = start(monkeypatch, BOUNCE_IMAP_URL="imap://user:password@127.0.0.1/")["BOUNCE_MAILBOX"]
    assert (loaded.is_encrypted, loaded.port, loaded.folder) == (False, 143, "INBOX")


def test_demo_skips_the_second_factor_only_on_localhost(monkeypatch):
    demo = {"SITE_URL": "http://127.0.0.1:8000", "DEMO": "1"}
    assert start(monkeypatch, **demo)["DEMO_WITHOUT_SECOND_FACTOR"] is True
    for changed in ({"DEMO": None}, {"DEMO": "0"}, {"SITE_URL": "https://www.example.org"}):
        assert start(monkeypatch, **(demo | changed))["DEMO_WITHOUT_SECOND_FACTOR"] is False


def test_nightly_deletion_is_scheduled_in_the_demo_too(monkeypatch):
    schedule = start(monkeypatch, SITE_URL="http://127.0.0.1:8000", DEMO="1")["CELERY_BEAT_SCHEDULE"]
    assert "delete what people's data is no longer needed for" in schedule


@pytest.mark.slow
def test_failed_startup_prints_one_sentence_and_no_traceback():
    environment = {"PATH": os.environ["PATH"]} | VALID
    del environment["SITE_URL"]
    process = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 1
    assert process.stderr.strip() == (
        "Imagine Promise can't start: SITE_URL is not set. It is the public address: scheme and host, without /imagine."
    )


def test_valid_environment_is_parsed(monkeypatch):
    loaded = start(monkeypatch, SITE_URL="https://www.example.org/", TRUSTED_PROXIES="2")
    assert loaded["SITE_URL"] == "https://www.example.org"
    assert loaded["DATABASES"]["default"]["NAME"] == "imagine"
    assert (loaded["EMAIL_HOST"], loaded["EMAIL_PORT"], loaded["EMAIL_USE_TLS"]) == ("mail.example.org", 587, True)
    assert (loaded["EMAIL_HOST_USER"], loaded["EMAIL_HOST_PASSWORD"]) == ("user", "p@ss")
    assert (loaded["TRUSTED_PROXIES"], loaded["DEBUG"]) == (2, False)
    assert "www.example.org" in loaded["ALLOWED_HOSTS"]


def test_debug_is_allowed_only_on_localhost(monkeypatch):
    for url in ("http://127.0.0.1:8000", "http://localhost:8000", "http://imagine.localhost", "http://[::1]:8000"):
        assert start(monkeypatch, DEBUG="1", SITE_URL=url)["DEBUG"] is True
    for url in ("https://www.example.org", "http://192.168.1.5", "http://localhost.example.org", "http://0.0.0.0"):
        with pytest.raises(SystemExit, match=r"^Imagine Promise can't start: DEBUG must be 0 unless [^.]+\.$"):
            start(monkeypatch, DEBUG="1", SITE_URL=url)


def test_any_variable_can_be_read_from_a_file(monkeypatch, tmp_path):
    optional = {
        "BOUNCE_IMAP_URL": "imaps://user:password@mail.example.org/INBOX",
        "BOUNCE_WEBHOOK_SECRET": "0123456789" * 4,
    }
    values = VALID | SSO | optional
    for name, value in values.items():
        file = tmp_path / name
        file.write_text(f"  {value}\n")
        monkeypatch.setenv(f"{name}_FILE", str(file))
    from_files = start(monkeypatch, **dict.fromkeys(values))
    for name in values:
        monkeypatch.delenv(f"{name}_FILE")
    from_environment = start(monkeypatch, **values)
    names = ("SECRET_KEY", "SITE_URL", "DATABASES", "REDIS_URL", "EMAIL_HOST", "EMAIL_HOST_PASSWORD", "MAIL_FROM")
    names += ("OIDC_CLIENT_SECRET", "OIDC_GROUPS", "BOUNCE_MAILBOX", "BOUNCE_WEBHOOK_SECRET")
    assert all(from_files[name] for name in names)
    assert {name: from_files[name] for name in names} == {name: from_environment[name] for name in names}


def test_unusable_variable_file_stops_startup(monkeypatch, tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    unreadable = r"SECRET_KEY_FILE must name a text file that this process can read\."
    for path, secret_key, sentence in [
        (tmp_path / "empty", None, r"SECRET_KEY is not set\. It is .+\."),
        (tmp_path / "binary", None, unreadable),
        (tmp_path / "missing", None, unreadable),
        (tmp_path, None, unreadable),
        (tmp_path / "empty", VALID["SECRET_KEY"], r"SECRET_KEY must not be set together with SECRET_KEY_FILE\."),
    ]:
        monkeypatch.setenv("SECRET_KEY_FILE", str(path))
        assert re.fullmatch(
            f"Imagine Promise can't start: {sentence}", start_error(monkeypatch, "SECRET_KEY", secret_key)
        )


def test_admin_url_host_sets_the_admin_site_url(monkeypatch):
    assert start(monkeypatch)["ADMIN_SITE_URL"] == "https://www.example.org"
    loaded = start(monkeypatch, ADMIN_URL_HOST="Admin.example.org")
    assert loaded["ADMIN_SITE_URL"] == "https://admin.example.org"
    assert {"www.example.org", "admin.example.org"} <= set(loaded["ALLOWED_HOSTS"])


def test_server_side_cursors_are_off_behind_a_pooler_in_transaction_mode(monkeypatch):
    for query, mode in {
        "": "session",
        "?pool_mode=session": "session",
        "?pool_mode=transaction": "transaction",
    }.items():
        loaded = start(monkeypatch, DATABASE_URL=VALID["DATABASE_URL"] + query)
        database = loaded["DATABASES"]["default"]
        assert loaded["DATABASE_POOL_MODE"] == mode
        assert database["DISABLE_SERVER_SIDE_CURSORS"] == (mode == "transaction")
        assert database["OPTIONS"] == {"connect_timeout": 3}, "PgBouncer refuses startup options"


def test_https_makes_cookies_secure_and_http_does_not(monkeypatch):
    cookies = ("CSRF_COOKIE_SECURE", "SESSION_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE")
    assert all(start(monkeypatch)[name] for name in cookies)
    assert start(monkeypatch)["SECURE_HSTS_SECONDS"] > 0
    plain = start(monkeypatch, SITE_URL="http://127.0.0.1:8000")
    assert not any(plain[name] for name in cookies)
    assert plain["SECURE_HSTS_SECONDS"] == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("smtps://mail.example.org", (465, True)),
        ("smtp://mail.example.org", (25, False)),
        ("smtp://m:2525", (2525, False)),
    ],
)
def test_email_url_sets_port_and_ssl(monkeypatch, value, expected):
    loaded = start(monkeypatch, EMAIL_URL=value)
    assert (loaded["EMAIL_PORT"], loaded["EMAIL_USE_SSL"]) == expected


def test_email_file_path_may_contain_a_space(monkeypatch):
    assert start(monkeypatch, EMAIL_URL="file:///var/the%20mail")["EMAIL_FILE_PATH"] == "/var/the mail"


def test_every_variable_has_its_row_in_the_readme():
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), flags=re.M))
    assert variables() <= rows
    assert {name for name in rows if name not in variables()} <= {"PORT"}  # the demo's address
    assert set(VALID) <= variables()
