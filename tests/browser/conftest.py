"""The browser tests need a Chromium; `make test` fetches one where it can."""

import os
from pathlib import Path

import pytest

from tests.browser import find


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The path of a Chromium. Without one the test is left out, and in CI it fails."""
    browser = find.find()
    if browser is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(
            "there is no Chromium; `make test` fetches one"
        )
    return browser


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe, to be evaluated in a page."""
    return find.axe()
