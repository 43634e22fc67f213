"""`python -m benchmarks.imports ROWS`: a spreadsheet of so many promises, three of each organization, read, checked and
written in this process, as a worker does it. Half of the organizations are there already, some under a name that only
looks like it. Prints seconds, growth of the process in MB beyond its largest size before, and how many promises were
written.
"""

import csv
import io
import random
import sys
import time

from benchmarks.exports import largest

YEAR = 2025
KINDS = ["tours", "Be mentors and role models", "Class presentations"]
HEADER = ["Organization", "Sector", "Contact", "E-mail", "Kind", "Quantity", "Grades", "Months", "Signed on", "Note"]
PLACES = "Delta Port Valley Tule Sierra River Levee Oak Golden Pacific Lincoln Weber Harbor Magnolia Cherry Almond Vine"
WORK = "Growers Logistics Hardware Bakery Dental College Foundation Bank Farms Clinic Motors Steel Paper Electric Press"


def names(many: int) -> list[str]:
    dice, places, work = random.Random(2019), PLACES.split(), WORK.split()  # noqa: S311 (the same file each time)
    found: dict[str, None] = {}
    while len(found) < many:
        found[f"{dice.choice(places)} {dice.choice(places)} {dice.choice(work)} {dice.randrange(100)}"] = None
    return list(found)


def spreadsheet(rows: int, organizations: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(HEADER)
    for number in range(rows):
        name = organizations[number // 3]
        address = f"alma@host{number // 3}.example"
        note = "Ask at the gate, “please”."
        kind = KINDS[number % 3]
        writer.writerow(
            [name, "Business", "Inés Núñez", address, kind, number % 40 + 1, "9-12", "Oct, Mar", "4/2/2026", note]
        )
    return text.getvalue().encode("cp1252")


def prepare(organizations: list[str]) -> None:
    """Every other organization, half of these a little misspelled, and the school year."""
    from partners.models import Organization, PledgeYear  # needs the loaded apps

    PledgeYear.objects.get_or_create(school_year=YEAR, defaults={"opens_on": f"{YEAR - 1}-04-04"})
    Organization.objects.bulk_create(
        Organization(name=name if number % 2 else f"{name} Inc. of Stockton", slug=f"import-{number}")
        for number, name in enumerate(organizations[::2])
    )


def run(rows: int) -> int:
    from partners.imports import workflow as import_workflow
    from partners.models import Import, PledgeYear, Promise

    before = Promise.objects.count()
    organizations = names(-(-rows // 3))
    prepare(organizations)
    content, year = spreadsheet(rows, organizations), PledgeYear.objects.get(pk=YEAR)
    grown, started = largest(), time.perf_counter()
    sent = import_workflow.start_import(content, file_name="list.csv", year=year, by="staff", language="en")
    finish(sent, Import.State.CHECKED)
    import_workflow.confirm_import(Import.objects.get(pk=sent.pk))
    finish(sent, Import.State.DONE)
    written = Promise.objects.count() - before
    print(time.perf_counter() - started, largest() - grown, written)
    return written


def finish(sent, state: str) -> None:
    from partners.imports import workflow as import_workflow

    while True:
        import_workflow.run_steps(sent.pk)
        sent.refresh_from_db()
        if sent.state == state:
            return
        if not sent.is_in_progress:
            raise RuntimeError(f"the import is {sent.state}: {sent.rejection_reason}")


if __name__ == "__main__":
    import django

    django.setup()
    rows = int(sys.argv[1])
    if run(rows) != rows:
        sys.exit("not every row was written")
