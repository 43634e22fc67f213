"""`python -m docs.packages`: list the packages that production runs and their licenses, also as CycloneDX."""

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LICENSES, SBOM = ROOT / "docs" / "licenses.md", ROOT / "docs" / "sbom.cdx.json"
# The image's Python, wherever this runs.
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "os_name": "posix"}
CLASSIFIER = "License :: OSI Approved :: "
INTRODUCTION = """# Licenses

What production installs, from `requirements.txt`. `make requirements` writes this page and `docs/sbom.cdx.json`, the
same as a CycloneDX 1.6 software bill of materials. The typeface Besley is under the SIL Open Font License.

| package | version | license |
|---|---|---|
"""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    license: str

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{re.sub('[-_.]+', '-', self.name).lower()}@{self.version}"


def pinned(path: Path) -> list[Requirement]:
    """Return each pinned requirement of a compiled file, without its hashes."""
    lines = (line.partition("\\")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if re.match("[A-Za-z0-9]", line)]


def production_packages() -> list[Package]:
    wanted = [line for line in pinned(ROOT / "requirements.txt") if not line.marker or line.marker.evaluate(IMAGE)]
    return [Package(line.name, str(line.specifier).removeprefix("=="), license_of(line.name)) for line in wanted]


def license_of(name: str) -> str:
    about = metadata.metadata(name)
    if expression := about.get("License-Expression"):
        return expression
    classified = [value.removeprefix(CLASSIFIER) for value in about.get_all("Classifier", []) if CLASSIFIER in value]
    return ", ".join(classified) or (about.get("License") or "").partition("\n")[0].strip()


def bill_of_materials(packages: list[Package]) -> dict:
    project = {"type": "application", "bom-ref": "imagine-promise", "name": "imagine-promise", "version": "0.1.0"}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": project},
        "components": [
            {
                "type": "library",
                "bom-ref": package.purl,
                "name": package.name,
                "version": package.version,
                "purl": package.purl,
                "licenses": [{"license": {"name": package.license}}],
            }
            for package in packages
        ],
        "dependencies": [{"ref": "imagine-promise", "dependsOn": [package.purl for package in packages]}],
    }


def main() -> None:
    packages = production_packages()
    rows = "".join(f"| {package.name} | {package.version} | {package.license} |\n" for package in packages)
    LICENSES.write_text(INTRODUCTION + rows)
    SBOM.write_text(json.dumps(bill_of_materials(packages), indent=1) + "\n")


if __name__ == "__main__":
    main()
