"""One Chromium and one real site for all of these tests, and an empty database for each."""

import os
import tempfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from playwright.sync_api import sync_playwright

from tests.browser.chromium import find_chromium
from tests.browser.page_monitor import PageMonitor
from tests.browser.site import Site

EMPTIED = (
    "summit_linkrequest, summit_event, summit_rsvp, summit_guest, mail_message, core_ratelimitcount, "
    "mail_queueheartbeat, mail_emailpreference, mail_mailing, mail_templateoverride, core_auditentry, auth_user, "
    "partners_organization, partners_pledgeyear, partners_school, partners_pledgerequest, "
    "django_session, django_admin_log"
)
QUIET = ["--disable-quic", "--disable-component-update", "--disable-background-networking", "--disable-sync"]
LOCALES = {"en": "en-US", "es": "es-US"}
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
def database(django_db_modify_db_settings, django_db_blocker):
    """A database that the test and the site's processes share, so nothing may be rolled back: it is emptied instead."""
    with django_db_blocker.unblock():
        name = connection.settings_dict["NAME"]
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        yield
        connection.creation.destroy_test_db(name, verbosity=0)


@pytest.fixture(scope="package")
def running_site(browser, database):
    call_command("catalogue", compile=True, verbosity=0)
    with tempfile.TemporaryDirectory(prefix="imagine-browser-") as folder:
        site = Site(Path(folder))
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(autouse=True)
def site(running_site, request):
    """The site with nothing in its database. What its processes said is shown when a test fails."""
    request.node.logs = {log: log.stat().st_size for log in running_site.folder.glob("*.log")}
    empty_database()
    return running_site


def empty_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {EMPTIED} CASCADE")


@pytest.fixture
def visit(browser, site):
    """Opens a page of a new visitor, who speaks `language`. At the end no page has complained in the console, broken
    the content security policy, missed a file or asked another host for anything."""
    monitor = PageMonitor()
    contexts = []

    def visit(language: str = "en", width: int = 1280, *, scripts: bool = True, address: str = site.address, **options):
        context = browser.new_context(
            base_url=address,
            locale=LOCALES[language],
            viewport={"width": width, "height": 720},
            java_script_enabled=scripts,
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        monitor.attach(context, address)
        return context.new_page()

    yield visit
    for context in contexts:
        context.close()
    assert not monitor.problems, "\n".join(monitor.problems)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and report.when != "teardown":
        for log, begin in getattr(item, "logs", {}).items():
            report.sections.append((log.name, log.read_bytes()[begin:].decode(errors="replace")[-SHOWN:]))
    return report
