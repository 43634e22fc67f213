"""Where Django keeps the messages that the next page shows."""

from django.conf import settings
from django.contrib.messages.storage.base import BaseStorage
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest, HttpResponse


class PathCookieStorage(CookieStorage):
    """A cookie under our path. Django sets it for the whole host, which sends it to every page of the district."""

    def _update_cookie(self, encoded_data: str, response: HttpResponse) -> None:
        super()._update_cookie(encoded_data, response)  # type: ignore[misc]  # the stubs leave it out
        if self.cookie_name in response.cookies:
            response.cookies[self.cookie_name]["path"] = settings.SESSION_COOKIE_PATH


def message_storage(request: HttpRequest) -> BaseStorage:
    """Keep staff's messages, which name people, in the session. Visitors have none, but their messages name no one."""
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return SessionStorage(request) if has_session else PathCookieStorage(request)
