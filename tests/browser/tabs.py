"""Browser tabs reused by tests: a warm tab opens a page four times as fast as a new one."""

from collections import defaultdict
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.page_monitor import PageMonitor

LOCALES = {"en": "en-US", "es": "es-US"}
# Tabs wait here for the next test. A page of the site keeps the tab's process; about:blank would end it.
RESTING_PAGE = "/imagine/static/art/mark.svg"
TIMEOUT = 15_000  # milliseconds


@dataclass
class TabPool:
    """Each tab has its own context, so no cookies are shared. A tab that was given back is like a new one, except for
    cached files."""

    browser: Browser
    address: str
    monitor: PageMonitor = field(default_factory=PageMonitor)

    def __post_init__(self) -> None:
        self.idle_tabs: dict[tuple, list[Page]] = defaultdict(list)
        self.used_tabs: list[tuple[tuple, Page]] = []
        self.extra_contexts: list[BrowserContext] = []  # closed after the test

    def take(self, language: str, width: int, *, scripts: bool) -> Page:
        kind = language, scripts
        page = self.idle_tabs[kind].pop() if self.idle_tabs[kind] else self.context(*kind, self.address).new_page()
        self.used_tabs.append((kind, page))
        page.set_viewport_size({"width": width, "height": 720})
        return page

    def open(self, language: str, width: int, *, scripts: bool, address: str) -> Page:
        """Open a tab with an empty cache, or for another site."""
        self.extra_contexts.append(self.context(language, scripts, address))
        page = self.extra_contexts[-1].new_page()
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
        """Take back the test's tabs and return their pages' problems. Tabs of a failed test aren't kept."""
        for kind, page in self.used_tabs:
            if keep:
                clear(page)
                self.idle_tabs[kind].append(page)
            else:
                page.context.close()
        for context in self.extra_contexts:
            context.close()
        self.used_tabs, self.extra_contexts = [], []
        return self.monitor.take_problems()


def clear(page: Page) -> None:
    for other in page.context.pages:
        if other != page:
            other.close()
    page.unroute_all()
    page.emulate_media(media="null", color_scheme="null", forced_colors="null")
    page.goto(RESTING_PAGE)
    page.context.clear_cookies()
