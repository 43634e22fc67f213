"""The container image without a container engine: the files that the Dockerfile copies, and its packages."""

import json
import os
import re
import shlex
import shutil
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from ruamel.yaml import YAML

PROJECT = Path(__file__).resolve().parents[2]
SERVICES = YAML(typ="safe").load(PROJECT / "docker-compose.yml")["services"]
OURS = ("web", "worker", "worker-bulk", "beat", "migrate")


def instructions(keyword: str) -> list[str]:
    """Return the arguments of each instruction with this name in the Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = (line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines() if line)
    return [arguments for name, arguments in lines if name == keyword]


def ignore_patterns() -> list[str]:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Like Docker, the last pattern that matches the path or a parent folder decides."""
    parts = path.split("/")
    candidates = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    ignored = False
    for pattern in patterns:
        matches = pattern_regex(pattern.removeprefix("!")).fullmatch
        if any(matches(candidate) for candidate in candidates):
            ignored = not pattern.startswith("!")
    return ignored


def pattern_regex(pattern: str) -> re.Pattern:
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/?|\*|\?)", pattern.strip("/"))
    return re.compile("".join(meanings.get(part) or re.escape(part) for part in parts))


def context_files(patterns: list[str]) -> list[str]:
    """Return the files that `docker build .` sends to the engine."""
    found = []
    for folder, folders, files in os.walk(PROJECT):
        inside = Path(folder).relative_to(PROJECT).as_posix().removeprefix(".").strip("/")
        paths = {name: f"{inside}/{name}".lstrip("/") for name in folders + files}
        included = {name for name, path in paths.items() if not is_ignored(path, patterns)}
        found += [paths[name] for name in files if name in included]
        folders[:] = [name for name in folders if name in included or any(f"!{paths[name]}/" in p for p in patterns)]
    return found


def copy_tree(target: Path, patterns: list[str]) -> None:
    """Copy what the Dockerfile's COPY lines copy."""
    files = context_files(patterns)
    for arguments in instructions("COPY"):
        *sources, destination = arguments.split()
        assert destination == ".", f"teach this function what COPY {arguments} does"
        for source in sources:
            copied = [path for path in files if source == "." or f"{path}/".startswith(f"{source}/")]
            assert copied, f"COPY {arguments} finds no file"
            for path in copied:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / path, target / path)


def production_packages() -> list[metadata.Distribution]:
    """Return what `pip install -r requirements.txt` installs, in the versions installed here."""
    lines = (line.partition("#")[0].strip() for line in (PROJECT / "requirements.in").read_text().splitlines())
    pending = [Requirement(line) for line in lines if line]
    packages = {}
    while pending:
        requirement = pending.pop()
        packages[requirement.name.lower()] = package = metadata.distribution(requirement.name)
        for needed in map(Requirement, package.requires or ()):
            extras = {"", *requirement.extras}
            applies = not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            if applies and needed.name.lower() not in packages:
                pending.append(needed)
    return list(packages.values())


def make_environment(folder: Path) -> None:
    """Create a virtual environment of links to the packages of requirements.txt, without those of the demo and the
    tests. It takes a moment and needs no network."""
    venv.create(folder, symlinks=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    for package in production_packages():
        for name in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            (site_packages / name).symlink_to(package.locate_file(name))
        for script in package.entry_points.select(group="console_scripts"):
            file = folder / "bin" / script.name
            start = f"from {script.module} import {script.attr}; raise SystemExit({script.attr}())"
            file.write_text(f"#!{folder}/bin/python\n{start}\n")
            file.chmod(0o755)


def command_line(service: str) -> list[str]:
    """Return the command that the service's container runs."""
    command = SERVICES[service].get("command")
    return shlex.split(command) if command else json.loads(instructions("CMD")[-1])


def variables(service: str, values: dict[str, str]) -> dict[str, str]:
    """Return the environment of the service's container with these values in .env."""

    def value(reference: re.Match) -> str:
        name, default = reference.groups()
        return values[name] if default is None else values.get(name, default)

    image = dict(pair.split("=", 1) for arguments in instructions("ENV") for pair in arguments.split())
    settings = {name: str(text) for name, text in SERVICES[service]["environment"].items()}
    return image | {name: re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}", value, text) for name, text in settings.items()}
