"""One Chromium and one running site per pytest process, with an empty database for each test."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from playwright.sync_api import Page, sync_playwright

from imagine.access import roles
from tests.browser.chromium import find_chromium
from tests.browser.site import Site
from tests.browser.tabs import TabPool
from tests.database import CleanDatabase

QUIET = ["--disable-quic", "--disable-component-update", "--disable-background-networking", "--disable-sync"]
LOG_CHARACTERS = 1500  # characters of each log shown when a test fails


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the path of Chromium. Without one, the test is skipped, or fails in CI."""
    path = find_chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "there is no Chromium; `make test` fetches one"
        )
    return path


@pytest.fixture(scope="package")
def browser(chromium, request):
    # Playwright keeps an event loop running in this thread, so Django thinks that queries run in a coroutine. They
    # don't: each Playwright call returns before the next statement runs.
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
    """Create a database shared by the test and the site's processes. It is emptied between tests, since nothing can be
    rolled back."""
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
    """Return the site with an empty database. When a test fails, the logs of its processes are shown."""
    request.node.logs = {log: log.stat().st_size for log in running_site.folder.glob("*.log")}
    database.restore()
    return running_site


@pytest.fixture
def staff(site):
    """Create a member of Community Relations; tests.browser.staff signs in."""
    roles.create_roles()
    staff = get_user_model().objects.create(username="staff", is_staff=True)
    staff.groups.add(Group.objects.get(name=roles.COMMUNITY_RELATIONS))
    return staff


@pytest.fixture
def superuser(site):
    return get_user_model().objects.create_superuser("chief")


@pytest.fixture(scope="package")
def tabs(browser, running_site):
    return TabPool(browser, running_site.address)


@pytest.fixture
def visit(tabs, site, request):
    """Open a tab as a new visitor whose language is `language`. At the end, no page may have logged to the console,
    violated the content security policy, missed a file, or contacted another host."""

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
            report.sections.append((log.name, log.read_bytes()[begin:].decode(errors="replace")[-LOG_CHARACTERS:]))
    return report
