"""One stack for all of these tests, reset before each. When a test fails, its processes' logs are shown."""

import tempfile
from pathlib import Path

import pytest

from tests.stack import Stack

LOG_CHARACTERS = 6000  # characters of each log


@pytest.fixture(scope="session")
def running_stack():
    with tempfile.TemporaryDirectory(prefix="imagine-faults-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # when tests run as root, PostgreSQL runs as another user
        stack = Stack(Path(folder))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


@pytest.fixture
def stack(running_stack, request):
    request.node.logs = {log: log.stat().st_size for log in running_stack.folder.glob("*.log")}
    try:
        running_stack.reset()
        yield running_stack
    finally:
        if getattr(request.node, "failed", True):
            running_stack.stop_programs()  # whatever their state, the next test starts new ones


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.failed = report.failed
    if report.failed:
        for log, begin in getattr(item, "logs", {}).items():
            output = log.read_bytes()[begin:].decode(errors="replace")
            report.sections.append((log.name, output[-LOG_CHARACTERS:]))
    return report
