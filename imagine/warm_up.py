"""Load what the first requests need before they come: views, templates, translations, a connection."""

import io
import logging
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections

PAGES = ("/imagine/", "/imagine/partners/", "/imagine/promise/", "/imagine/rsvp/find/", "/imagine/admin/login/")


def request_pages(application: Callable) -> None:
    """Ask for the pages that visitors open first, in every language, without logging it. Give up if the database
    doesn't respond."""
    logging.disable()
    try:
        for path in PAGES:
            for language, _name in settings.LANGUAGES:
                if request_page(application, path, language).startswith("503"):
                    return
    finally:
        logging.disable(logging.NOTSET)


def request_page(application: Callable, path: str, language: str) -> str:
    """Return the response's status."""
    statuses: list[str] = []
    application(environment(path, language), lambda status, *_headers: statuses.append(status)).close()
    return statuses[0]


def environment(path: str, language: str) -> dict:
    site = urlsplit(settings.ADMIN_SITE_URL if path.startswith(settings.ADMIN_PATH) else settings.SITE_URL)
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": site.hostname,
        "SERVER_PORT": str(site.port or {"http": 80, "https": 443}[site.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_ACCEPT_LANGUAGE": language,
        "HTTP_ACCEPT_ENCODING": "gzip",
        "wsgi.url_scheme": site.scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def close_connections() -> None:
    connections.close_all()
