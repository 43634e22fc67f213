"""Load the state's list of schools: show the changes, ask for confirmation, and make them."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from partners import schools


class Command(BaseCommand):
    help = "Adds, renames, and retires schools from a spreadsheet (cds_code, name, level, charter). Deletes none."

    def add_arguments(self, parser):
        parser.add_argument(
            "file", nargs="?", type=Path, default=schools.DEFAULT_FILE, help="by default, the list of 2018"
        )
        parser.add_argument("--dry-run", action="store_true", help="only show the changes")
        parser.add_argument("--yes", action="store_true", help="make the changes without asking")

    def handle(self, *args, file: Path, dry_run: bool, yes: bool, **options):
        rows = self.read(file)
        steps = schools.compare_schools(rows)
        for step in steps:
            self.stdout.write(str(step))
        if not steps:
            self.stdout.write("No changes. The schools already match the file.")
        elif dry_run:
            self.stdout.write(f"Nothing was changed. {number(steps)} would change.")
        elif yes or self.agreed(steps):
            self.load(rows, steps)
        else:
            self.stdout.write("Nothing was changed.")

    def read(self, file: Path) -> list[schools.SchoolRow]:
        try:
            return schools.read_schools(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} can't be read: {error.strerror}.") from None
        except schools.SchoolFileInvalid as broken:
            raise CommandError(f"{file} has an error, so nothing was changed. {broken}") from None

    def agreed(self, steps: list[schools.SchoolChange]) -> bool:
        try:
            return input(f"Change {number(steps)}? Type yes: ").strip().lower() == "yes"
        except EOFError:
            raise CommandError(
                "There was no one to ask, so nothing was changed. Use --yes to skip the question."
            ) from None

    def load(self, rows: list[schools.SchoolRow], steps: list[schools.SchoolChange]) -> None:
        try:
            schools.load_schools(rows, steps)
        except schools.SchoolsChanged:
            raise CommandError(
                "Someone changed the schools in the meantime, so nothing was changed. Try again."
            ) from None
        self.stdout.write(f"{number(steps)} changed.")


def number(steps: list[schools.SchoolChange]) -> str:
    return "1 school" if len(steps) == 1 else f"{len(steps)} schools"
