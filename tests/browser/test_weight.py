"""The first view of the landing page, as it comes over the wire."""

import pytest

from tests import make

pytestmark = pytest.mark.browser

MOST = 45_000  # bytes, compressed, without images and the one font


@pytest.mark.parametrize("language", ["en", "es"])
def test_first_view(visit, language):
    make.rsvp(make.event(capacity=3, description="Doors open at 7:30. " * 20), size=3)
    page = visit(language)
    requests = []
    page.on("requestfinished", lambda request: requests.append(request))  # Playwright cannot wrap a builtin
    page.goto("/imagine/", wait_until="networkidle")
    weights = {
        request.url.rpartition("/imagine/")[2]: request.sizes()["responseBodySize"]
        for request in requests
        if request.resource_type in {"document", "stylesheet", "script"}
    }
    assert len(weights) == 4, weights
    assert sum(weights.values()) <= MOST, weights
    assert [request.resource_type for request in requests].count("font") == 1
