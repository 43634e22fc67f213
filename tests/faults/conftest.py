"""One house for all of these tests, healed before each; what its processes said is shown when one fails."""

import tempfile
from pathlib import Path

import pytest

from tests.faults.house import House

SHOWN = 6000  # characters of each log


@pytest.fixture(scope="session")
def running_house():
    with tempfile.TemporaryDirectory(prefix="imagine-faults-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another user
        house = House(Path(folder))
        try:
            house.start()
            yield house
        finally:
            house.stop()


@pytest.fixture
def house(running_house, request):
    request.node.logs = {log: log.stat().st_size for log in running_house.folder.glob("*.log")}
    try:
        running_house.heal()
        yield running_house
    finally:
        if getattr(request.node, "failed", True):
            running_house.stop_programs()  # whatever state they are in, the next test begins with new ones


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.failed = report.failed
    if report.failed:
        for log, begin in getattr(item, "logs", {}).items():
            said = log.read_bytes()[begin:].decode(errors="replace")
            report.sections.append((log.name, said[-SHOWN:]))
    return report
