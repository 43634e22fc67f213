"""Lists of promises as Excel, forms and offices leave them: each row is read right or named with its reason."""

import io

import pytest
from openpyxl import Workbook

from partners.imports import workflow
from partners.imports.cell_parsers import RowParser
from partners.models import Import, PromiseType, School
from tests import factories

pytestmark = pytest.mark.django_db


def saved(workbook: Workbook) -> bytes:
    workbook.save(file := io.BytesIO())
    return file.getvalue()


TOUR = ["Business", "Alma Reyes", "Host tours and field trips", "10"]


@pytest.fixture
def parser(db) -> RowParser:
    return RowParser(factories.pledge_year())


def check(content: str | bytes) -> Import:
    content = content.encode() if isinstance(content, str) else content
    return workflow.start_import(content, file_name="list.csv", year=factories.pledge_year(), by="anna", language="en")


def errors(run: Import) -> dict[int, list[str]]:
    return dict(run.rows.exclude(errors=[]).values_list("line", "errors"))


def promised(run: Import) -> list[tuple[str, int]]:
    codes = dict(PromiseType.objects.values_list("pk", "code"))
    rows = run.rows.filter(errors=[]).order_by("line", "pk").values_list("values", flat=True)
    return [(codes[row["promise_type"]], row["quantity"]) for row in rows]


def value(parser: RowParser, name: str, cell: str):
    found, problems = parser.parse_cell(name, cell)
    assert problems == []
    return found


# What Excel makes of what was typed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "bands"),
    [
        *(("6-Apr", ["4-6"]), ("12-Sep", ["9-12"]), ("2026-04-06", ["4-6"]), ("4/6/2026", ["4-6"]), ("8-Jul", ["7-8"])),
        *(("Elementary", ["TK-K", "1-3", "4-6"]), ("High School", ["9-12"]), ("Middle school (6-8)", ["4-6", "7-8"])),
        *(("K-12", ["TK-K", "1-3", "4-6", "7-8", "9-12"]), ("TK - 3rd grade", ["TK-K", "1-3"]), ("Kinder", ["TK-K"])),
        *(("PreK-K", ["TK-K"]), ("9th-12th", ["9-12"]), ("Freshmen & sophomores", ["9-12"])),
        *(("Preparatoria", ["9-12"]), ("grades 7 through 12", ["7-8", "9-12"])),
    ],
)
def test_grades(parser, cell, bands):
    """Case import-excel-dates."""
    assert value(parser, "grades", cell) == bands


@pytest.mark.parametrize("cell", ["15-Apr", "1-Jan", "2026-04-15", "Elementary and bus drivers"])
def test_what_is_no_range_of_grades_is_named(parser, cell):
    assert parser.parse_cell("grades", cell)[1] == [
        f"“{cell}” isn’t a valid grade range. Use grades from TK to 12, like 4–6."
    ]


@pytest.mark.parametrize("cell", ["2026-10-01", "1-Oct", "10/1/2026"])
def test_month_that_excel_made_a_date(parser, cell):
    """Case import-excel-dates."""
    assert value(parser, "months", cell) == [10]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        *(("8/15/2026 0:00", "2026-08-15"), ("8/15/2026 9:12:33 AM", "2026-08-15"), ("2026-04-04 09:15", "2026-04-04")),
        *(("2026-04-04T09:15:00Z", "2026-04-04"), ("April 4th, 2026", "2026-04-04"), ("Apr 4 2026", "2026-04-04")),
        *(("4 April, 2026", "2026-04-04"), ("46116", "2026-04-04"), ("4-4-26", "2026-04-04"), ("n/a", "")),
        ("Saturday, August 15, 2026", "2026-08-15"),
    ],
)
def test_days(parser, cell, day):
    """Case import-excel-dates."""
    assert value(parser, "signed_on", cell) == day


@pytest.mark.parametrize("cell", ["15/08/2026", "Aug-26", "2027-12-01", "Spring 2026", "4.4.2026", "9:00"])
def test_ambiguous_and_future_days_are_named(parser, cell):
    assert parser.parse_cell("signed_on", cell)[1][0].startswith(f"“{cell}” isn’t a valid date.")


def test_merged_organization_has_all_its_promises():
    """Case import-merged-cells."""
    workbook = Workbook()
    for row in (
        ["Organization", "Sector", "Contact", "Promise", "How many"],
        ["Merged Co", *TOUR],
        [None, None, None, "Be mentors and role models", "3"],
        [None, None, None, "Host class presentations", "2"],
        ["After Co", *TOUR],
    ):
        workbook.active.append(row)
    for column in "ABC":
        workbook.active.merge_cells(f"{column}2:{column}4")
    run = check(saved(workbook))
    assert (errors(run), run.format["filled_rows"]) == ({}, "3–4")
    assert list(run.rows.order_by("line").values_list("name", flat=True)) == ["Merged Co"] * 3 + ["After Co"]


def test_error_cells_and_hidden_rows():
    """Cases list-error-cells and list-hidden-rows, in an import."""
    workbook = Workbook()
    header = ["Organization", "Sector", "Contact", "Promise", "How many"]
    for row in (header, ["#N/A", *TOUR], ["Delta", "Business", "#REF!", *TOUR[2:]], ["Hidden Co", *TOUR]):
        workbook.active.append(row)
    workbook.active.row_dimensions[4].hidden = True
    run = check(saved(workbook))
    assert (run.row_count, run.format["hidden_rows"]) == (2, "4")
    assert errors(run) == {
        2: ["“#N/A” is a spreadsheet error, not a value. Correct or empty the cell."],
        3: ["“#REF!” is a spreadsheet error, not a value. Correct or empty the cell."],
    }


# Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("Mentors, role models", "mentors"),
        ("Mentor/role model", "mentors"),
        ("Curriculum development", "curriculum"),
        ("Advisory committees", "advisory"),
        ("Service-learning projects", "service"),
        ("Job shadowing, internships, apprenticeships", "internships"),
    ],
)
def test_words_of_the_flyer(parser, cell, code):
    """Case import-flyer-words."""
    assert value(parser, "promise_type", cell) == PromiseType.objects.get(code=code).pk


def test_words_of_the_flyer_as_headings():
    """Case import-flyer-words: eight columns, each of a promise type; an x is not a quantity."""
    run = check(
        "Organization,Contact,Curriculum development,Host tours and field trips,Advisory committees,"
        'Collaborate with teachers,"Mentors, role models",Host class presentations,Service-learning projects,'
        '"Job shadowing, internships, apprenticeships"\n'
        "X Mark Books,Alma Reyes,,x,,,3,,,4\nCheck Mark Co,Bo Lee,✓,,,,,FALSE,No,\n"
    )
    assert ([field for _heading, field in run.format["columns"]].count("promise_type"), run.format["ignored"]) == (
        8,
        [],
    )
    assert promised(run) == [("mentors", 3), ("internships", 4)]
    message = "isn’t a valid quantity. Use a whole number from 1 to 100,000."
    assert errors(run) == {2: [f"“x” {message}"], 3: [f"“✓” {message}"]}


def test_checked_boxes_of_a_form_are_named():
    """Case import-checkbox-form."""
    run = check(
        "Timestamp,Email Address,Name of your business or organization,Contact person,"
        "Would you consider making a promise to... (check all that apply),How many students or hours?\n"
        "8/15/2026 9:12:33,alma@example.org,Delta Books,Alma Reyes,"
        '"Host tours and field trips, Mentors, role models, Host class presentations",20\n'
        "8/16/2026 9:12:33,bao@example.org,Hmong Elders,Bao Vang,Contribute to curriculum development,5\n"
    )
    assert promised(run) == [("curriculum", 5)]
    assert errors(run) == {
        2: [
            "“Host tours and field trips, Mentors, role models, Host class” names several promise types. Use a row for "
            "each one, with its own quantity."
        ]
    }


def test_quantities_are_whole_numbers_or_named():
    """Case import-quantities."""
    typed = [
        "10-15",
        "2 per month",
        "ten",
        "20+",
        "~20",
        "1.5",
        "20 students",
        "15 (est.)",
        "1,200",
        "100,5",
        "1/2",
        "TBD",
    ]
    typed += ["2 classes x 30", "as needed", "½", "１２", "20.0", "0", "-5", "10 tours", "1e2"]
    rows = "".join(f'Quantity Test {n} LLC,Alma Reyes,Host tours and field trips,"{q}"\n' for n, q in enumerate(typed))
    run = check(f"Organization,Contact,Promise,How many\n{rows}")
    assert sorted(quantity for _code, quantity in promised(run)) == [10, 20, 1200]
    assert len(errors(run)) == len(typed) - 3


def test_partners_without_promises_are_refused_with_what_is_missing():
    """Case import-partners-only."""
    run = check("Partner Name,Category,Contact Name,Contact Email\nDelta Books,Business,Alma Reyes,a@example.org\n")
    assert run.state == Import.State.REJECTED
    assert run.rejection_reason.startswith("This file is missing these columns: promise type, quantity.")


# Schools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        *(
            ("Chavez", "Cesar Chavez High"),
            ("Cesar Chavez HS", "Cesar Chavez High"),
            ("Merlo", "Edward C. Merlo Institute"),
        ),
        *(("Stagg", "Stagg Senior High"), ("Stagg High School", "Stagg Senior High"), ("Edison H.S.", "Edison High")),
        *(("Hamilton", "Alexander Hamilton Elementary"), ("Hamilton Elem.", "Alexander Hamilton Elementary")),
        *(("SUECA", "Stockton Unified Early College Academy"), ("Adams Elementary School", "Adams Elementary")),
    ],
)
def test_short_names_and_nicknames_of_schools(cell, name):
    for each in ("Cesar Chavez High", "Stagg Senior High", "Edison High", "Stockton Unified Early College Academy"):
        factories.school(each)
    for each in ("Alexander Hamilton Elementary", "Adams Elementary"):
        factories.school(each, "elementary")
    factories.school("Edward C. Merlo Institute")
    [pk] = value(RowParser(factories.pledge_year()), "schools", cell)
    assert School.objects.get(pk=pk).name == name


def test_nickname_of_two_schools_is_named():
    factories.school("Cesar Chavez High")
    factories.school("Linda Chavez High")
    problems = RowParser(factories.pledge_year()).parse_cell("schools", "Chavez")[1]
    assert problems == ["“Chavez” could be more than one school. Use the full name or the state code."]
