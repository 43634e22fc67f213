"""Every package is pinned with hashes, and its license is listed."""

import json
import re

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from docs import packages
from tests.deploy.image import PROJECT

FILES = ("requirements", "requirements-demo", "requirements-test")


def named(name: str) -> dict[str, str]:
    """Return the packages and versions in an .in file and the files it includes."""
    found: dict[str, str] = {}
    for line in (PROJECT / name).read_text().splitlines():
        if included := re.match(r"-r (\S+)", line):
            found |= named(included[1])
        elif requirement := re.match(r"([A-Za-z0-9][\w.-]*)==(\S+)", line):
            found[canonicalize_name(requirement[1])] = requirement[2]
    return found


@pytest.mark.parametrize("name", FILES)
def test_requirements_are_pinned_with_hashes(name):
    text = (PROJECT / f"{name}.txt").read_text()
    pinned = {canonicalize_name(line.name): str(line.specifier) for line in packages.pinned(PROJECT / f"{name}.txt")}
    expected = named(f"{name}.in")
    assert expected, "an .in file names exact versions"
    assert {package: pinned.get(package) for package in expected} == {
        package: f"=={version}" for package, version in expected.items()
    }, "run: make requirements"
    assert all(version.startswith("==") for version in pinned.values())
    entries = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(entries) == len(pinned)
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "http" not in text, "no index is named"


def test_requirements_files_agree_on_versions():
    production, demo, tests = (
        {canonicalize_name(line.name): str(line.specifier) for line in packages.pinned(PROJECT / f"{name}.txt")}
        for name in FILES
    )
    assert production.items() <= demo.items() <= tests.items()


def test_licenses_and_sbom_match_production_requirements():
    expected = [
        (line.name, str(line.specifier).removeprefix("=="))
        for line in packages.pinned(PROJECT / "requirements.txt")
        if not line.marker or line.marker.evaluate(packages.IMAGE)
    ]
    bill = packages.SBOM.read_text()
    listed = [(component["name"], component["version"]) for component in json.loads(bill)["components"]]
    assert listed == expected, "run: make requirements"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", packages.LICENSES.read_text(), re.MULTILINE)[1:]
    assert [row[:2] for row in rows] == expected
    assert [row for row in rows if re.search(r"AGPL|(?<!L)GPL|Proprietary|UNKNOWN", row[2])] == []
