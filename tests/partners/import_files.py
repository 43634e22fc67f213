"""Spreadsheets like those of an office, and a large messy one from a seeded generator."""

import csv
import io
import random

from openpyxl import Workbook

HEADER = [
    *("School year", "Organization", "Sector", "Contact", "E-mail", "Phone"),
    *("Kind", "Quantity", "Unit", "Grades", "Schools", "Months", "Clearance", "Signed by", "Signed on", "Note"),
]
ROW = {
    "Organization": "Port Gate Logistics",
    "Sector": "Business and industry",
    "Contact": "Alma Reyes",
    "E-mail": "alma@portgate.example",
    "Kind": "Host tours and field trips",
    "Quantity": "6",
    "Signed on": "2026-04-02",
}


def row(**cells) -> dict[str, str]:
    """Return a row of last year's list. `cells` are named by heading, in lower case with _ for spaces and dashes."""
    headings = {heading.lower().replace(" ", "_").replace("-", "_"): heading for heading in HEADER}
    return ROW | {headings[name]: value for name, value in cells.items()}


def table(rows: list[dict], header: list[str] | None = None) -> list[list[str]]:
    header = header or HEADER
    return [header, *([each.get(heading, "") for heading in header] for each in rows)]


def as_csv(lines: list[list], delimiter: str = ",", encoding: str = "utf-8-sig") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(lines)
    return text.getvalue().encode(encoding)


def as_xlsx(lines: list[list]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Partners")
    for line in lines:
        sheet.append(line)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


# A large messy table -----------------------------------------------------------------------------------------------

FIRST = """
    Delta Port Valley Tule Sierra Cold River Levee Oak Golden Pacific Lincoln Weber Harbor Sunrise Magnolia Cherry
    Almond Walnut Vine Channel Bridge Mokelumne Calaveras Esperanza Nuevo Peña Núñez Đặng Khmer Hmong Sikh Miracle
    Central Union Grace Trinity Swenson Oro Rough Ready
"""
SECOND = """
    Growers Logistics Hardware Bakery Dental Church College Union Foundation Bank Farms Clinic Law Motors Steel
    Paper Electric Plumbing Builders Design Press Radio Theater Museum Library Fellowship Temple Parents Boosters
    Alliance
"""
ENDINGS = ["", "", "", ", Inc.", " LLC", " & Sons", " of Stockton", " Association", " Co."]
KINDS = [
    *("Contribute to curriculum development", "Host tours & field trips", "advisory", "Collaborate with teachers"),
    *("MENTORS", "class presentations", "Assist in service-learning projects", "Internships"),
]
SECTORS = ["Business", "Non-profit", "Church", "Labor", "College", "PTA", "Public agency", ""]
GRADES = ["", "9-12", "TK–K, 1–3", "K-8", "all grades", "4th to 6th", "7–8; 9–12"]
MONTHS = ["", "Oct, Mar", "October and May", "Sep–Dec", "all year", "1, 2, 3"]
DAYS = ["2026-04-02", "4/2/2026", "April 2, 2026", "03/31/26", ""]
NOTES = [
    "",
    "",
    "",
    "Ask for Ben at the gate.",
    "=cmd|' /C calc'!A0",
    "two\nlines",
    "“quoted”, with commas",
    "+1 (209) 555",
]
INVALID = {
    "Quantity": ["many", "0", "-2", "1.5", "200000"],
    "Kind": ["Donate a bus", "sponsor", ""],
    "Sector": ["Circus"],
    "E-mail": ["alma@", "call her"],
    "Schools": ["Hogwarts"],
    "Grades": ["seniors"],
    "Months": ["monsoon"],
    "Signed on": ["soon"],
    "Organization": ["", "=cmd|' /C calc'!A0"],
}


def messy_table(
    number: int, seed: int = 2019, schools: list[str] | None = None
) -> tuple[list[list[str]], dict[int, str]]:
    """Build a table of this many organizations as typed by several people over years. Also return the invalid column by
    line number, counting the header as line 1."""
    rng = random.Random(seed)
    rows, invalid_lines, line = [], {}, 2
    for name in names(number, rng):
        organization = partner(name, rng)
        for kind in rng.sample(KINDS, rng.choice([1, 1, 1, 2, 2, 3])):
            rows.append(typed_differently(promise(organization, kind, rng, schools), rng))
            if rng.random() < 0.02:
                invalid_lines[line] = heading = rng.choice(list(INVALID))
                rows[-1][heading] = rng.choice(INVALID[heading])
            line += 1 + rows[-1]["Note"].count("\n")
    return table(rows), invalid_lines


def names(number: int, rng: random.Random) -> list[str]:
    unique: dict[str, None] = {}
    while len(unique) < number:
        unique[f"{rng.choice(FIRST.split())} {rng.choice(FIRST.split())} {rng.choice(SECOND.split())}"] = None
    return [name + rng.choice(ENDINGS) for name in unique]


def partner(name: str, rng: random.Random) -> dict[str, str]:
    first, last = rng.choice(["Alma", "Ben", "Chue", "Inés"]), rng.choice(["Reyes", "Ochoa", "Vang", "Núñez"])
    host = "".join(character for character in name.lower() if character.isascii() and character.isalnum())
    return {
        "organization": name,
        "sector": rng.choice(SECTORS),
        "contact": f"{first} {last}",
        "e_mail": f"{first[0].lower()}@{host}.example",
        "phone": rng.choice(["", "(209) 555-0100", "209.555.0101 x 12"]),
        "signed_on": rng.choice(DAYS),
    }


def promise(organization: dict[str, str], kind: str, rng: random.Random, schools: list[str] | None) -> dict[str, str]:
    quantity, note = str(rng.randint(1, 40)), rng.choice(NOTES)
    line = row(**organization, kind=kind, quantity=quantity, note=note, months=rng.choice(MONTHS))
    if schools and rng.random() < 0.3:
        return line | {"Schools": rng.choice([*schools, "any"])}
    return line | {"Grades": rng.choice(GRADES)}


def typed_differently(line: dict, rng: random.Random) -> dict:
    """Vary case, spaces and decimals in ways that don't change the meaning."""
    if rng.random() < 0.1:
        line["Organization"] = line["Organization"].upper()
    if rng.random() < 0.1:
        line["Organization"] = f"  {line['Organization'].replace(' ', '  ')} "
    if rng.random() < 0.1:
        line["Quantity"] += ".0"
    if rng.random() < 0.1:
        line["E-mail"] = f"{line['Contact']} <{line['E-mail']}>"
    return line
