"""For each pytest process one Chromium and one real site, and for each test an empty database."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from playwright.sync_api import Page, sync_playwright

from tests.browser.chromium import find_chromium
from tests.browser.site import Site
from tests.browser.tabs import TabPool
from tests.database import CleanDatabase

QUIET = ["--disable-quic", "--disable-component-update", "--disable-background-networking", "--disable-sync"]
SHOWN = 1500  # characters of each log, when a test fails


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a Chromium. Without one the test is left out, and in CI it fails."""
    path = find_chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "there is no Chromium; `make test` fetches one"
        )
    return path


@pytest.fixture(scope="package")
def browser(chromium, request):
    # Playwright keeps an event loop in this thread, so Django takes every query here for one inside a coroutine. There
    # is none: each call of Playwright's is over before the next statement runs.
    patch = pytest.MonkeyPatch()
    patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, "--no-first-run"])
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"Chromium {browser.version}")
        yield browser
        browser.close()
    patch.undo()


@pytest.fixture(scope="package")
def database(django_db_modify_db_settings, django_db_blocker) -> Iterator[CleanDatabase]:
    """A database that the test and the site's processes share, so nothing may be rolled back: it is emptied instead."""
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        yield CleanDatabase()
        connection.creation.destroy_test_db(name, verbosity=0)


@pytest.fixture(scope="package")
def running_site(browser, database):
    with tempfile.TemporaryDirectory(prefix="imagine-browser-") as folder:
        site = Site(Path(folder))
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(autouse=True)
def site(running_site, database, request):
    """The site with nothing in its database. What its processes said is shown when a test fails."""
    request.node.logs = {log: log.stat().st_size for log in running_site.folder.glob("*.log")}
    database.restore()
    return running_site


@pytest.fixture
def staff(site):
    """A member of staff who may do everything; tests.browser.staff signs them in."""
    return get_user_model().objects.create(username="staff", is_staff=True, is_superuser=True)


@pytest.fixture(scope="package")
def tabs(browser, running_site):
    return TabPool(browser, running_site.address)


@pytest.fixture
def visit(tabs, site, request):
    """Opens the tab of a new visitor, who speaks `language`. At the end no page has complained in the console, broken
    the content security policy, missed a file or asked another host for anything."""

    def visit(language="en", width=1280, *, scripts=True, cold=False, address="") -> Page:
        if cold or address:
            return tabs.open(language, width, scripts=scripts, address=address or site.address)
        return tabs.take(language, width, scripts=scripts)

    yield visit
    problems = tabs.give_back(keep=not request.node.failed)
    assert not problems, "\n".join(problems)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.failed = report.failed
    if report.failed and report.when != "teardown":
        for log, begin in getattr(item, "logs", {}).items():
            report.sections.append((log.name, log.read_bytes()[begin:].decode(errors="replace")[-SHOWN:]))
    return report
