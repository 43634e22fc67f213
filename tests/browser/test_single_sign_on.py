"""Through the district's sign-in and back, under the content security policy."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page

from imagine.access import roles
from imagine.demo.servers import free_port, wait_until
from tests.accounts.district import CLIENT_ID, CLIENT_SECRET, GROUPS, running_district
from tests.accounts.people import code_of
from tests.browser.page_monitor import PageMonitor
from tests.browser.staff import offered_app

pytestmark = pytest.mark.browser


@pytest.fixture
def district(site):
    """The district's sign-in, and a web server of the site that uses it."""
    with running_district() as district:
        port = free_port()
        district.site = f"http://127.0.0.1:{port}"
        groups = ";".join(f"{group}={role}" for group, role in GROUPS.items())
        variables = {"OIDC_ISSUER": district.address, "OIDC_CLIENT_ID": CLIENT_ID, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
        web = site.web("web with single sign-on", port, SITE_URL=district.site, OIDC_GROUPS=groups, **variables)
        web.start()
        try:
            assert wait_until(lambda: site.answers(port), 30), web.log.read_text()
            yield district
        finally:
            web.ask_to_stop()
            web.stop()


def sign_in_at_the_district(page: Page, district) -> None:
    page.goto("/imagine/admin/summit/event/")
    page.click("text=Sign in with your district account")
    assert page.url.startswith(f"{district.address}/authorize?")
    page.click("text=Yes, I am Ben")


def test_district_user_signs_in(browser: Browser, district):
    roles.create_roles()
    context, monitor = browser.new_context(base_url=district.site), PageMonitor()
    monitor.attach(context, district.site)
    page = context.new_page()
    sign_in_at_the_district(page, district)
    assert page.url == f"{district.site}/imagine/admin/login/set-up/"
    page.click("summary")
    page.fill("#id_code", code_of(offered_app(page)))
    with page.expect_navigation():
        page.click("form:not([data-passkey]) [type=submit]")
    assert "/recovery-codes/" in page.url
    with page.expect_navigation():
        page.click("main [type=submit]")
    assert page.url == f"{district.site}/imagine/admin/summit/event/"
    assert [group.name for group in User.objects.get().groups.all()] == ["Community Relations"]
    assert [problem for problem in monitor.take_problems() if district.address not in problem] == []
    context.close()
