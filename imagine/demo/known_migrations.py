"""Which migrations made the demo's database. Before the first release they are rewritten in place, which `migrate`
can't see."""

import hashlib
import json
import sys
from pathlib import Path

from imagine.demo.environment import PROJECT, VAR

KNOWN = VAR / "migrations.json"
OUTDATED = "Another version made the demo's data, and it doesn't fit this one. To start over, run: make demo-reset"


def check_migrations(data: Path) -> None:
    """Exit with an error message if a migration that made this database has changed since. Otherwise store all of them,
    before they run, because someone may stop the demo while they do."""
    fingerprints = migration_fingerprints()
    if (data / "PG_VERSION").exists():
        known = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
        if not known or not known.items() <= fingerprints.items():
            sys.exit(OUTDATED)
    KNOWN.write_text(json.dumps(fingerprints))


def migration_fingerprints() -> dict[str, str]:
    files = [file for app in ("imagine/*", "partners", "summit") for file in PROJECT.glob(f"{app}/migrations/0*.py")]
    return {str(file.relative_to(PROJECT)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
