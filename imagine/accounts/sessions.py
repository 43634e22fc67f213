"""Where sessions are stored, and when they end (`SESSION_ENGINE`).

A session ends 12 hours after sign-in, or after 30 minutes without use (10 on a shared computer). Its row's
`expire_date` is the earlier of the two, so an ended session isn't found. Only a person's actions extend it, not a page
that refreshes itself.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import cast

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.messages.storage.session import SessionStorage
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from imagine.accounts.models import StaffSession
from imagine.accounts.security_events import AccountEventKind
from imagine.core.rate_limit import client_address
from imagine.core.security_events import record_event, shorten_address

MAX_AGE = timedelta(hours=12)
IDLE = timedelta(minutes=30)
IDLE_SHARED_COMPUTER = timedelta(minutes=10)
EXTEND_AFTER = 60  # seconds: not every request writes

SIGNED_IN_AT, LAST_USED_AT = "signed_in_at", "last_used_at"  # seconds since 1970
SHARED_COMPUTER, NETWORK, BROWSER = "shared_computer", "network", "browser"

BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls):
        return StaffSession

    def create_model_instance(self, data):
        session = cast(StaffSession, super().create_model_instance(data))
        session.user_id = data.get(SESSION_KEY)
        session.signed_in_at = as_datetime(data.get(SIGNED_IN_AT))
        session.last_used_at = as_datetime(data.get(LAST_USED_AT))
        session.network = data.get(NETWORK, "")
        session.browser = data.get(BROWSER, "")
        session.is_shared_computer = bool(data.get(SHARED_COMPUTER))
        return session

    def get_expiry_age(self, **kwargs):
        idle = IDLE_SHARED_COMPUTER if self.get(SHARED_COMPUTER) else IDLE
        now = time.time()
        ends = min(
            self.get(LAST_USED_AT, now) + idle.total_seconds(), self.get(SIGNED_IN_AT, now) + MAX_AGE.total_seconds()
        )
        return max(0, int(ends - now))

    def get_expiry_date(self, **kwargs):
        return timezone.now() + timedelta(seconds=self.get_expiry_age())


def as_datetime(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def start_session(request: HttpRequest) -> None:
    """Store when and where a person signed in."""
    session = request.session
    session[SIGNED_IN_AT] = session[LAST_USED_AT] = int(time.time())
    session[NETWORK] = shorten_address(client_address(request))
    session[BROWSER] = browser_name(request.META.get("HTTP_USER_AGENT", ""))


def extend(request: HttpRequest) -> None:
    """Store that the person is still active."""
    if time.time() - request.session.get(LAST_USED_AT, 0) > EXTEND_AFTER:
        request.session[LAST_USED_AT] = int(time.time())


def end_sessions(user: User, sessions: QuerySet[StaffSession]) -> int:
    """End some of an account's sessions. Return how many there were."""
    count = sessions.filter(user=user).delete()[0]
    if count:
        record_event(AccountEventKind.SESSION_ENDED, user, account=user.get_username(), count=count)
    return count


def forget_if_ended(request: HttpRequest) -> None:
    """Forget a session that this request itself ended, as when superusers give up their own rights, because saving it
    would raise an error. The messages for the next page stay."""
    session = request.session
    if session.modified and session.session_key and not session.exists(session.session_key):
        messages = session.get(SessionStorage.session_key)
        session.flush()
        if messages:
            session[SessionStorage.session_key] = messages


def browser_name(user_agent: str) -> str:
    """Return a browser's name and system, such as "Chrome, Windows"."""
    browser = next((name for mark, name in BROWSERS.items() if re.search(rf"\b{mark}\w*/", user_agent)), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    return ", ".join(filter(None, (browser, system)))
