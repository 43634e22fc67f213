"""A worker's first page is as fast as its tenth, because everything it needs is already loaded."""

import gc
import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.urls import reverse

from imagine import gunicorn, warm_up
from tests import factories
from tests.mail.mail_server import free_port

MEASURE = """
import json, sys, time
from django.conf import settings
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
from imagine import warm_up
from imagine.wsgi import application
if sys.argv[1] == "warm":
    warm_up.request_pages(application)
from django.template import engines
[loader] = engines["django"].engine.template_loaders
before, compiled, seconds = set(sys.modules), len(loader.get_template_cache), []
for _page in range(10):
    began = time.process_time()
    warm_up.request_page(application, "/imagine/", "en")
    seconds.append(time.process_time() - began)
print(json.dumps([len(set(sys.modules) - before), len(loader.get_template_cache) - compiled, seconds]))
"""


def first_pages(start: str) -> tuple[int, int, list[float]]:
    """Return how many modules and templates ten requests load in a new process, and the CPU time of each request."""
    values = connection.settings_dict
    url = f"postgresql://{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, start],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_first_page_after_warm_up_loads_nothing_and_is_fast():
    factories.event()
    modules, templates, seconds = first_pages("warm")
    assert (modules, templates) == (0, 0)
    assert seconds[0] < 3 * sorted(seconds)[5] + 0.01
    modules, templates, seconds = first_pages("cold")
    assert min(modules, templates) > 0, "without it, the first page loads them"
    assert seconds[0] > 5 * sorted(seconds)[5]


@pytest.mark.slow
def test_workers_share_code_but_no_connection(transactional_db):
    class Server:
        class app:
            wsgi = WSGIHandler

    assert gunicorn.preload_app
    gunicorn.when_ready(Server)
    loaded = gc.get_freeze_count()
    gc.unfreeze()
    assert connection.connection is None
    assert loaded > 50_000, "else a worker stops for a tenth of a second to go through all of it"


def test_startup_continues_without_a_database(transactional_db, monkeypatch):
    connection.close()
    with monkeypatch.context() as context:
        context.setitem(connection.settings_dict, "PORT", free_port())
        assert request("GET", "/imagine/")[0] == "503 Service Unavailable"
        requested = []
        context.setattr(warm_up, "request_page", lambda *page: requested.append(page) or "503 Service Unavailable")
        warm_up.request_pages(WSGIHandler())
        assert len(requested) == 1
    connection.close()


def request(method: str, url: str) -> tuple[str, dict, bytes]:
    """Return what a web server gets from the application: status, headers and body."""
    sent_headers = []
    requested = warm_up.environment(url, "en") | {"REQUEST_METHOD": method}
    response = WSGIHandler()(requested, lambda status, headers: sent_headers.extend([status, dict(headers)]))
    body = b"".join(response)
    response.close()
    return *sent_headers, body


@pytest.mark.django_db
def test_head_is_answered_without_a_body():
    """gunicorn logs a warning if there is one. The test client would remove it."""
    names = ("landing", "events", "partners", "find_rsvp", "privacy", "live", "ready", "events_feed")
    urls = [*map(reverse, names), factories.event().get_absolute_url(), "/imagine/static/css/site.css", "/no", "/"]
    for url in urls:
        (status, headers, _body), (status_of_head, headers_of_head, body) = request("GET", url), request("HEAD", url)
        assert (status_of_head, body) == (status, b""), url
        assert set(headers_of_head) == set(headers), url
