"""The transferred size of the first page view."""

import pytest
from playwright.sync_api import Page

from tests import factories

pytestmark = pytest.mark.browser

MAX_BYTES = 45_000  # bytes, compressed, without images and the font


def weights_of(page: Page, path: str) -> dict[str, int]:
    """Return the size of the page, its style sheets and its scripts by URL. The page must load one font."""
    requests = []
    page.on("requestfinished", lambda request: requests.append(request))  # Playwright can't wrap a built-in
    page.goto(path, wait_until="networkidle")
    weights = {
        request.url.rpartition("/imagine/")[2]: request.sizes()["responseBodySize"]
        for request in requests
        if request.resource_type in {"document", "stylesheet", "script"}
    }
    assert len(weights) == 4, weights
    assert [request.resource_type for request in requests].count("font") == 1
    return weights


@pytest.mark.parametrize("language", ["en", "es"])
def test_landing_page_stays_under_its_weight_limit(visit, language):
    factories.rsvp(factories.event(capacity=3, description="Doors open at 7:30. " * 20), size=3)
    weights = weights_of(visit(language, cold=True), "/imagine/")
    assert sum(weights.values()) <= MAX_BYTES, weights
