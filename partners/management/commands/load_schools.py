"""Loads the state's list of schools: shows what it would do, asks, and does it."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from partners import schools


class Command(BaseCommand):
    help = "Adds, renames and retires schools by a CSV file (cds_code, name, level, charter); deletes none."

    def add_arguments(self, parser):
        parser.add_argument(
            "file", nargs="?", type=Path, default=schools.DEFAULT_FILE, help="without it, the list of 2018"
        )
        parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
        parser.add_argument("--yes", action="store_true", help="do it without asking")

    def handle(self, *args, file: Path, dry_run: bool, yes: bool, **options):
        rows = self.read(file)
        steps = schools.compare_schools(rows)
        for step in steps:
            self.stdout.write(str(step))
        if not steps:
            self.stdout.write("The schools are as in the file; there is nothing to do.")
        elif dry_run:
            self.stdout.write(f"Nothing was changed; {number(steps)} would be.")
        elif yes or self.agreed(steps):
            self.load(rows, steps)
        else:
            self.stdout.write("Nothing was changed.")

    def read(self, file: Path) -> list[schools.SchoolRow]:
        try:
            return schools.read_schools(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except schools.SchoolFileInvalid as broken:
            raise CommandError(f"{file} was rejected, and nothing was changed. {broken}") from None

    def agreed(self, steps: list[schools.SchoolChange]) -> bool:
        try:
            return input(f"Do this to {number(steps)}? Type yes: ").strip().lower() == "yes"
        except EOFError:
            raise CommandError("Nobody could be asked, so nothing was changed; --yes does it unasked.") from None

    def load(self, rows: list[schools.SchoolRow], steps: list[schools.SchoolChange]) -> None:
        try:
            schools.load_schools(rows, steps)
        except schools.SchoolsChanged:
            raise CommandError("Somebody changed the schools meanwhile, so nothing was changed. Try again.") from None
        self.stdout.write(f"Done: {number(steps)}.")


def number(steps: list[schools.SchoolChange]) -> str:
    return "1 school" if len(steps) == 1 else f"{len(steps)} schools"
