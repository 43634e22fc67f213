"""All settings, read from the environment once. The README's table lists the variables.

A missing or invalid variable stops startup with an error message that names it.
"""

import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import bootstrap
import dj_database_url
from celery.schedules import crontab
from csp.constants import NONE, SELF

from imagine.mail.reports.mailbox_url import parse_mailbox_url

BASE_DIR = Path(__file__).resolve().parent.parent


def stop_start(sentence: str) -> NoReturn:
    sys.exit(f"Imagine Promise can't start: {sentence}")


def variable(name: str, meaning: str, default: str | None = None) -> str:
    """Return the variable's value, stripped. End the process if it is missing and has no default."""
    value = stored_value(name) or default
    if value is None:
        stop_start(f"{name} is not set. It is {meaning}.")
    return value


def stored_value(name: str) -> str:
    """Return the variable's value or, if there is a variable NAME_FILE, what that file contains."""
    value = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return value
    if value:
        stop_start(f"{name} must not be set together with {name}_FILE.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        stop_start(f"{name}_FILE must name a text file that this process can read.")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def address(name: str, meaning: str) -> str:
    """Return the value of a variable that has to be a URL."""
    value = variable(name, meaning)
    try:
        urlsplit(value).port  # noqa: B018  reading it raises the error
    except ValueError:
        stop_start(f"{name} must be a valid address. It is {meaning}.")
    return value


def whole_number(name: str, meaning: str, default: str) -> int:
    value = variable(name, meaning, default)
    if not (value.isascii() and value.isdigit()):
        stop_start(f"{name} must be a whole number, 0 or more. It is {meaning}.")
    return int(value)


# Environment -------------------------------------------------------------------------------------------------

debug = variable("DEBUG", "1 for development, 0 otherwise", "0")
if debug not in {"0", "1"}:
    stop_start("DEBUG must be 1 for development or 0.")
DEBUG = debug == "1"
SECRET_KEY = variable("SECRET_KEY", "a long random string that signs cookies and must stay secret")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
    stop_start("SECRET_KEY must have at least 50 characters, chosen at random.")
SITE_URL = address("SITE_URL", "the public address: scheme and host, without /imagine").rstrip("/")
site = urlsplit(SITE_URL)
if site.scheme not in {"http", "https"} or not site.hostname or site.path or site.query:
    stop_start("SITE_URL must look like https://www.example.org, without a path.")
if DEBUG and not is_loopback(site.hostname):
    stop_start(
        "DEBUG must be 0 unless SITE_URL is on this machine, because error pages would show settings to the public."
    )

try:
    database = dj_database_url.parse(
        variable("DATABASE_URL", "PostgreSQL's address, like postgresql://user:password@host:port/name"),
        conn_max_age=60,
        conn_health_checks=True,
    )
except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
    stop_start("DATABASE_URL must look like postgresql://user:password@host:port/name.")
if database["ENGINE"] != "django.db.backends.postgresql":
    stop_start("DATABASE_URL must be a PostgreSQL database, like postgresql://user:password@host:port/name.")
options = database.setdefault("OPTIONS", {})
options.setdefault("connect_timeout", 3)  # seconds after which a lost host is noticed
DATABASE_POOL_MODE = options.pop("pool_mode", "session")
if DATABASE_POOL_MODE not in {"session", "transaction"}:
    stop_start(
        "DATABASE_URL must end with ?pool_mode=transaction behind a pooler in that mode, or else have no pool_mode."
    )
database["DISABLE_SERVER_SIDE_CURSORS"] = DATABASE_POOL_MODE == "transaction"
# No statement or transaction waits or idles forever: imagine.core.database.
DATABASE_TIMEOUTS = {"lock_timeout": "10s", "statement_timeout": "20s", "idle_in_transaction_session_timeout": "30s"}
DATABASES = {"default": database}

REDIS_URL = address("REDIS_URL", "the broker's address, like redis://host:port/0 or redis+socket:///path")
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "redis+socket"}:
    stop_start("REDIS_URL must start with redis://, rediss://, or redis+socket://.")

mail_url = urlsplit(address("EMAIL_URL", "where email is sent: smtp://…, smtps://…, or file:///folder"))
EMAIL_TIMEOUT = 10
if mail_url.scheme == "file" and mail_url.path and not mail_url.netloc:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = unquote(mail_url.path)
elif mail_url.scheme in {"smtp", "smtps"} and mail_url.hostname:
    EMAIL_BACKEND = "imagine.mail.backends.EmailBackend"
    EMAIL_HOST = mail_url.hostname
    EMAIL_USE_SSL = mail_url.scheme == "smtps"
    EMAIL_PORT = mail_url.port or (465 if EMAIL_USE_SSL else 25)
    EMAIL_HOST_USER = unquote(mail_url.username or "")
    EMAIL_HOST_PASSWORD = unquote(mail_url.password or "")
    EMAIL_USE_TLS = "starttls" in mail_url.query
else:
    stop_start("EMAIL_URL must look like smtp://user:password@host:port, smtps://…, or file:///folder.")

MAIL_FROM = variable("MAIL_FROM", "the sender of every email, a name and an address")
MAIL_REPLY_TO = variable("MAIL_REPLY_TO", "the reply address, which a person reads")
MAIL_POSTAL_ADDRESS = variable("MAIL_POSTAL_ADDRESS", "the district's postal address, at the bottom of every email")
CERTIFICATE_SIGNER = variable("CERTIFICATE_SIGNER", "who signs certificates for the district: name, title", "")
for name, value in {"MAIL_FROM": MAIL_FROM, "MAIL_REPLY_TO": MAIL_REPLY_TO}.items():
    if "@" not in value or "\n" in value:
        stop_start(f"{name} must have one email address.")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM

# Delivery reports: read from a mailbox, posted to a webhook, both, or neither.
report_url = variable("BOUNCE_IMAP_URL", "the mailbox for delivery reports, like imaps://user:password@host/INBOX", "")
try:
    BOUNCE_MAILBOX = parse_mailbox_url(report_url) if report_url else None
except ValueError:
    stop_start("BOUNCE_IMAP_URL must look like imaps://user:password@host/INBOX, with %40 for an @ in the username.")
if BOUNCE_MAILBOX and not BOUNCE_MAILBOX.is_encrypted and not is_loopback(BOUNCE_MAILBOX.host):
    stop_start("BOUNCE_IMAP_URL must start with imaps://.")
BOUNCE_WEBHOOK_SECRET = variable("BOUNCE_WEBHOOK_SECRET", "the secret that signs posted delivery reports", "")
if 0 < len(BOUNCE_WEBHOOK_SECRET) < 32:
    stop_start("BOUNCE_WEBHOOK_SECRET must have at least 32 characters, chosen at random.")

ADMIN_URL_HOST = variable("ADMIN_URL_HOST", "the admin's host name if it isn't SITE_URL's", "").lower()
if ADMIN_URL_HOST and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", ADMIN_URL_HOST):
    stop_start("ADMIN_URL_HOST must be a host name, like admin.example.org.")
if site.hostname == ADMIN_URL_HOST:
    stop_start("ADMIN_URL_HOST must be different from SITE_URL's host.")
ADMIN_SITE_URL = SITE_URL.replace(site.hostname, ADMIN_URL_HOST, 1) if ADMIN_URL_HOST else SITE_URL

TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", "the number of proxies in front of the web server", "0")

ERASURE_LIST = variable("ERASURE_LIST", "a file outside the database's backup that lists who was erased", "")

# Django ------------------------------------------------------------------------------------------------------

ROOT_URLCONF = "imagine.urls"
WSGI_APPLICATION = "imagine.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "imagine.core",
    "imagine.mail",
    "imagine.accounts",
    "imagine.access",
    "imagine.demo",
    "partners",
    "summit",
    "imagine.privacy",
    "imagine.office",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
]

MIDDLEWARE = [
    "imagine.core.middleware.log_request",
    "imagine.core.headers.send_no_body_for_head",
    "imagine.core.headers.add_security_headers",
    "imagine.core.headers.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "imagine.core.middleware.refuse_unreadable",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "imagine.core.headers.refuse_cross_site_posts",
    "imagine.core.admin_host.keep_admin_on_its_host",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "imagine.core.admin_requests.AdminRequestsMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "imagine.accounts.middleware.SecondFactorMiddleware",
    "imagine.core.audit.ActorMiddleware",
    "imagine.core.security_events.remember_request",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "imagine.core.context_processors.district",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # so that a widget can have a template in templates/
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# Sign-in: imagine.accounts says how long sessions last, and when the demo does without a second factor.
SESSION_ENGINE = "imagine.accounts.sessions"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
LOGIN_URL = "sign_in"
OTP_TOTP_ISSUER = "Imagine Promise"
DEMO_WITHOUT_SECOND_FACTOR = variable("DEMO", "1 while the demo runs, 0 otherwise", "0") == "1" and is_loopback(
    site.hostname
)

# Single sign-on with the district's OpenID Connect: all four variables or none.
OIDC_ISSUER = variable("OIDC_ISSUER", "the address of the district's OpenID Connect", "").rstrip("/")
OIDC_CLIENT_ID = variable("OIDC_CLIENT_ID", "the client ID that the district gave this site", "")
OIDC_CLIENT_SECRET = variable("OIDC_CLIENT_SECRET", "the secret that the district gave this site", "")
groups = variable("OIDC_GROUPS", "the roles of the district's groups, as group=role pairs separated by ;", "")
if len({bool(value) for value in (OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, groups)}) > 1:
    stop_start("OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, and OIDC_GROUPS must all be set, or none of them.")
if OIDC_ISSUER and not OIDC_ISSUER.startswith("https://") and not is_loopback(urlsplit(OIDC_ISSUER).hostname or ""):
    stop_start("OIDC_ISSUER must start with https://.")
OIDC_GROUPS = {}
for pair in filter(None, groups.split(";")):
    group, equals, role = (part.strip() for part in pair.partition("="))
    if not (group and equals and role):
        stop_start("OIDC_GROUPS must look like promise-office=Community Relations;promise-board=Viewer.")
    OIDC_GROUPS[group] = role

# Our forms are a few kilobytes. The refuse_unreadable middleware answers 413 above this.
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# Language, time, files ---------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "America/Los_Angeles"
USE_TZ = True
FORMAT_MODULE_PATH = "imagine.core.formats"

ADMIN_PATH = "/imagine/admin/"
STATIC_URL = "/imagine/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # no page links to an unhashed one, and compressing takes half the time
STATICFILES_DIRS = [BASE_DIR / "static", ("bootstrap/css", str(Path(next(iter(bootstrap.__path__))) / "css"))]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Safety ------------------------------------------------------------------------------------------------------

ALLOWED_HOSTS = [site.hostname, *([ADMIN_URL_HOST] if ADMIN_URL_HOST else []), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = sorted({SITE_URL, ADMIN_SITE_URL})
CSRF_FAILURE_VIEW = "imagine.core.views.csrf_failure"
CSRF_COOKIE_PATH = SESSION_COOKIE_PATH = LANGUAGE_COOKIE_PATH = "/imagine/"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = site.scheme == "https"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
MESSAGE_STORAGE = "imagine.core.message_storage.message_storage"
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if site.scheme == "https" else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# Only the host, because paths are personal links, and the district's other pages may share our origin. With
# "no-referrer" browsers would send "Origin: null" with a form, and the CSRF check would reject it.
SECURE_REFERRER_POLICY = "strict-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
UNUSED_FEATURES = """
    accelerometer browsing-topics camera display-capture geolocation gyroscope hid magnetometer microphone midi payment
    screen-wake-lock serial usb
"""
SECURITY_HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES.split()),
    "Cross-Origin-Resource-Policy": "same-origin",
}
X_FRAME_OPTIONS = "DENY"
# The district's proxy and domain decide about subdomains, preloading and the redirect to https.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    },
}

# Celery ------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# No socket timeout here: imagine.mail.dispatch says why, and has one for web requests.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_keepalive": True, "visibility_timeout": 300}
CELERY_DB_REUSE_MAX = 10**9  # imagine.celery.FrugalTask closes old connections, not Celery
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = "transactional"
# "bulk" has a worker of its own, so a confirmation never waits for a mailing to be written or sent.
CELERY_TASK_ROUTES = {
    "imagine.mail.tasks.deliver_bulk": {"queue": "bulk"},
    "imagine.mail.tasks.sweep": {"queue": "housekeeping"},
    "imagine.mail.tasks.read_delivery_reports": {"queue": "housekeeping"},
    "partners.tasks.scan_for_duplicates": {"queue": "housekeeping"},
    "partners.tasks.remind_drafts": {"queue": "housekeeping"},
    "partners.tasks.resume_imports": {"queue": "housekeeping"},
    "partners.tasks.run_import": {"queue": "housekeeping"},
    "summit.tasks.resume_interrupted_mailings": {"queue": "housekeeping"},
    "summit.tasks.match_rsvps": {"queue": "housekeeping"},
    "summit.tasks.notify_guests": {"queue": "bulk"},
    "summit.tasks.send_reminders": {"queue": "bulk"},
    "summit.tasks.link_rsvps_to_invitations": {"queue": "housekeeping"},
    "summit.tasks.write_invitations": {"queue": "bulk"},
    "imagine.privacy.tasks.carry_out_retention": {"queue": "housekeeping"},
    "imagine.privacy.tasks.erase_again": {"queue": "housekeeping"},
}
# Shorter than imagine.mail.delivery.CLAIM_DURATION, so that no one is still sending when a claim expires.
CELERY_TASK_TIME_LIMIT = 80
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Take a task from the broker only when a process is free for it. A worker that holds a task it hasn't started crashes
# if the broker goes away (kombu 5.7 fails to put the task back).
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE = {
    "send queued emails": {"task": "imagine.mail.tasks.sweep", "schedule": 10, "options": {"expires": 10}},
    "answer link requests": {"task": "summit.tasks.answer_link_requests", "schedule": 30, "options": {"expires": 30}},
    "answer date alerts": {"task": "summit.tasks.answer_date_alerts", "schedule": 30, "options": {"expires": 30}},
    "announce the date of the summit": {
        "task": "summit.tasks.announce_summit_date",
        "schedule": 5 * 60,
        "options": {"expires": 5 * 60},
    },
    "answer pledge requests": {
        "task": "partners.tasks.answer_pledge_requests",
        "schedule": 30,
        "options": {"expires": 30},
    },
    "scan for duplicate organizations": {
        "task": "partners.tasks.scan_for_duplicates",
        "schedule": 10 * 60,
        "options": {"expires": 10 * 60},
    },
    "link RSVPs to invitations": {
        "task": "summit.tasks.link_rsvps_to_invitations",
        "schedule": 2 * 60,
        "options": {"expires": 2 * 60},
    },
    "resume writing invitations and notices": {
        "task": "summit.tasks.resume_interrupted_mailings",
        "schedule": 30,
        "options": {"expires": 30},
    },
    "match RSVPs with organizations": {
        "task": "summit.tasks.match_rsvps",
        "schedule": 2 * 60,
        "options": {"expires": 2 * 60},
    },
    "resume imports": {
        "task": "partners.tasks.resume_imports",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "resume reading uploaded lists": {
        "task": "summit.tasks.resume_contact_lists",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "send reminders": {
        "task": "summit.tasks.send_reminders",
        "schedule": 5 * 60,
        "options": {"expires": 5 * 60},
    },
    "read delivery reports": {
        "task": "imagine.mail.tasks.read_delivery_reports",
        "schedule": 5 * 60,
        "options": {"expires": 5 * 60},
    },
    "remind about unsigned pledges": {"task": "partners.tasks.remind_drafts", "schedule": 60 * 60},
    "record transactional heartbeat": {
        "task": "imagine.mail.tasks.heartbeat",
        "schedule": 20,
        "args": ("transactional",),
        "options": {"queue": "transactional", "expires": 20},
    },
    "record bulk heartbeat": {
        "task": "imagine.mail.tasks.heartbeat",
        "schedule": 20,
        "args": ("bulk",),
        "options": {"queue": "bulk", "expires": 20},
    },
    "delete what expires within hours or days": {
        "task": "imagine.privacy.tasks.carry_out_retention",
        "schedule": 60 * 60,
        "args": ("hourly",),
        "options": {"expires": 60 * 60},
    },
    "delete what people's data is no longer needed for": {
        "task": "imagine.privacy.tasks.carry_out_retention",
        "schedule": crontab(hour=3, minute=10),
        "args": ("nightly",),
    },
    "erase again who came back with a backup": {
        "task": "imagine.privacy.tasks.erase_again",
        "schedule": crontab(hour=2, minute=50),
    },
}

# Logs: one JSON object per line, ids only --------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "imagine.core.logging.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # imagine.core.middleware.log_request logs each response; these would log it again, with the personal link.
        "fido2": {"level": "WARNING"},  # it logs credentials
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
    },
}
