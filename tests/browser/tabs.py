"""Browser tabs that test after test uses again: a warm one opens a page in a quarter of the time of a new one."""

from collections import defaultdict
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.page_monitor import PageMonitor

LOCALES = {"en": "en-US", "es": "es-US"}
# Where a tab waits for its next test. A page of the site keeps the process of the tab; about:blank would end it.
RESTING_PAGE = "/imagine/static/art/mark.svg"
TIMEOUT = 15_000  # milliseconds


@dataclass
class TabPool:
    """Each tab is a visitor's own: its context shares no cookies with another. Once given back it is as a new one, but
    for the files in its cache."""

    browser: Browser
    address: str
    monitor: PageMonitor = field(default_factory=PageMonitor)

    def __post_init__(self) -> None:
        self.free: dict[tuple, list[Page]] = defaultdict(list)
        self.taken: list[tuple[tuple, Page]] = []
        self.own: list[BrowserContext] = []  # closed after their test

    def take(self, language: str, width: int, *, scripts: bool) -> Page:
        kind = language, scripts
        page = self.free[kind].pop() if self.free[kind] else self.context(*kind, self.address).new_page()
        self.taken.append((kind, page))
        page.set_viewport_size({"width": width, "height": 720})
        return page

    def open(self, language: str, width: int, *, scripts: bool, address: str) -> Page:
        """A tab with nothing in its cache, or of another site."""
        self.own.append(self.context(language, scripts, address))
        page = self.own[-1].new_page()
        page.set_viewport_size({"width": width, "height": 720})
        return page

    def context(self, language: str, scripts: bool, address: str) -> BrowserContext:
        context = self.browser.new_context(
            base_url=address, locale=LOCALES[language], java_script_enabled=scripts, reduced_motion="reduce"
        )
        context.set_default_timeout(TIMEOUT)
        self.monitor.attach(context, address)
        return context

    def give_back(self, *, keep: bool) -> list[str]:
        """Ends a test's use of its tabs, and returns what their pages did wrong. Tabs of a failed test aren't kept."""
        for kind, page in self.taken:
            if keep:
                clear(page)
                self.free[kind].append(page)
            else:
                page.context.close()
        for context in self.own:
            context.close()
        self.taken, self.own = [], []
        return self.monitor.take_problems()


def clear(page: Page) -> None:
    for other in page.context.pages:
        if other != page:
            other.close()
    page.unroute_all()
    page.emulate_media(media="null", color_scheme="null", forced_colors="null")
    page.goto(RESTING_PAGE)
    page.context.clear_cookies()
