"""Parsing what people write in spreadsheet cells."""

from datetime import date, timedelta

import pytest
from django.utils import timezone, translation

from imagine.core.spreadsheets.headings import match_columns
from partners import exports
from partners.imports import columns
from partners.imports.cell_parsers import RowParser
from partners.models import PledgeYear, PromiseType, Sector
from tests import factories

pytestmark = pytest.mark.django_db

ROW = {"organization": "Port Gate Logistics", "promise_type": "tours", "quantity": "6", "contact": "Alma Reyes"}


def parse_errors(**cells):
    return RowParser(factories.pledge_year()).parse(ROW | cells)


def value(name: str, cell: str):
    error = parse_errors(**{name: cell})
    assert error.problems == []
    return error.values[name]


def problem(**cells) -> str:
    [sentence] = parse_errors(**cells).problems
    return sentence


def code(cell: str) -> str:
    return PromiseType.objects.get(pk=value("promise_type", cell)).code


def matched(header: list[str]) -> tuple[dict[int, str], list[str]]:
    """Return the field of each column, and the headings that are skipped."""
    found = match_columns(header, columns.promise_headings())
    return found.fields, [header[number] for number in found.skipped]


# Headings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Organization", "organization"),
        ("  ORGANISATION NAME ", "organization"),
        ("Name of Organization:", "organization"),
        ("Organización", "organization"),
        ("Empresa", "organization"),
        ("E-Mail Address", "email"),
        ("correo electrónico", "email"),
        ("Kind of promise", "promise_type"),
        ("How many?", "quantity"),
        ("#", "quantity"),
        ("Grade_Level(s)", "grades"),
        ("School Site", "schools"),
        ("Date signed", "signed_on"),
        ("Web site", "website"),
    ],
)
def test_heading_matches_regardless_of_case_space_accent_or_common_words(heading, field):
    assert matched([heading]) == ({0: field}, [])


@pytest.mark.parametrize("language", ["en", "es"])
def test_exported_headings_are_matched_in_both_languages(language):
    with translation.override(language):
        header = exports.column_headings(exports.BY_PROMISE)
    assert list(matched(header)[0].values()) == columns.FIELDS
    assert columns.promise_headings().count_known(header) == len(columns.FIELDS)


def test_unknown_and_repeated_headings_are_ignored():
    header = ["Partner", "", "Company", "T-shirt size", "Amount"]
    assert matched(header) == ({0: "organization", 4: "quantity"}, ["Company", "T-shirt size"])
    assert columns.promise_headings().count_known(header) == 2


# Kinds, quantities, sectors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("tours", "tours"),
        ("Host Tours & Field Trips", "tours"),
        ("Recibir visitas y excursiones", "tours"),
        ("Field trips", "tours"),
        ("MENTORS", "mentors"),
        ("role models", "mentors"),
        ("internships", "internships"),
        ("Job shadowing", "internships"),
        ("class presentation", "presentations"),
        ("mentor", "mentors"),
        ("Pasantías", "internships"),
    ],
)
def test_promise_type(cell, expected):
    assert code(cell) == expected


@pytest.mark.parametrize("cell", ["Donate a bus", "host", "collaborate with the teachers' union", "visit"])
def test_unknown_promise_type(cell):
    assert problem(promise_type=cell) == (
        f"“{cell}” isn’t one of the promise types. Use a name from the list of promise types."
    )


def test_missing_required_cells_are_reported_together():
    error = parse_errors(promise_type="", organization=" - ", quantity="")
    assert error.problems == [
        "Enter the organization’s name.",
        "Enter a promise type.",
        "Enter a quantity.",
    ]


@pytest.mark.parametrize(
    ("cell", "number"),
    [("6", 6), ("1,200", 1200), ("12.0", 12), ("100,000", 100_000), ("6 visits", 6), ("1,200 visit", 1200)],
)
def test_quantity(cell, number):
    assert value("quantity", cell) == number


@pytest.mark.parametrize("cell", ["0", "-3", "100,001", "1.5", "twelve", "1.200", "6-8", "²", "9" * 40, "=2*6", "1,20"])
def test_bad_quantity(cell):
    assert problem(quantity=cell) == (f"“{cell[:30]}” isn’t a valid quantity. Use a whole number from 1 to 100,000.")


def test_unit_of_another_promise_type_is_refused():
    assert parse_errors(unit="Visits").problems == parse_errors(unit="visita").problems == []
    wrong = "“Host tours and field trips” is counted in visits. Convert the quantity from “hours” to visits."
    assert problem(unit="hours") == problem(quantity="6 hours") == wrong
    assert parse_errors(promise_type="curriculum", unit="hrs").problems == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("business", "business"),
        ("Business and industry", "business"),
        ("Non-Profit", "nonprofit"),
        ("Iglesia", "faith"),
        ("Labor Union", "labor"),
        ("Organismo público", "public"),
        ("PTA", "families"),
        ("", ""),
    ],
)
def test_sector(cell, expected):
    if cell == "Organismo público":
        with translation.override("es"):
            cell = str(Sector.PUBLIC.label)
    assert value("sector", cell) == expected


def test_unknown_sector_error_lists_the_known_sectors():
    assert problem(sector="Circus").startswith(
        "“Circus” isn’t a sector we recognize. Use one of these: Business and industry, College"
    )


# Grades, months, schools -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "bands"),
    [
        ("TK–K, 1–3", ["TK-K", "1-3"]),
        ("9-12", ["9-12"]),
        ("9th & 10th", ["9-12"]),
        ("K-8", ["TK-K", "1-3", "4-6", "7-8"]),
        ("grades 4 to 7", ["4-6", "7-8"]),
        ("grade 5", ["4-6"]),
        ("All grades", []),
        ("", []),
        ("any", []),
    ],
)
def test_grades(cell, bands):
    assert value("grades", cell) == bands


@pytest.mark.parametrize("cell", ["13", "seniors", "1-2-3", "K-"])
def test_unknown_grades(cell):
    if cell == "K-":
        assert value("grades", cell) == ["TK-K"]
    else:
        assert problem(grades=cell) == f"“{cell}” isn’t a valid grade range. Use grades from TK to 12, like 4–6."


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("Oct, Mar", [10, 3]),
        ("October and May", [10, 5]),
        ("enero; feb.", [1, 2]),
        ("Aug–Dec", [8, 9, 10, 11, 12]),
        ("10/11", [10, 11]),
        ("Sept.", [9]),
        ("June, julio", [6, 7]),
        ("May–Aug", [8, 5, 6, 7]),
        ("all year", []),
        ("", []),
    ],
)
def test_months(cell, numbers):
    assert value("months", cell) == numbers


def test_unknown_months_are_refused():
    assert problem(months="spring") == "“spring” isn’t a month. Use names or numbers, like October or 10."


def names(cell: str) -> list[str]:
    parser = RowParser(factories.pledge_year())
    error = parser.parse(ROW | {"schools": cell})
    assert error.problems == []
    return [parser.checklist.schools[pk].name for pk in error.values["schools"]]


@pytest.fixture
def chavez(db):
    factories.school("Edison High")
    factories.school("Adams Elementary", "elementary")
    factories.school("Taylor, Leadership Academy", "elementary")
    return factories.school("Cesar Chavez High")


def test_schools(chavez):
    assert names("Cesar Chavez High, Edison High School") == ["Edison High", "Cesar Chavez High"]
    assert names(f"CÉSAR CHÁVEZ; {chavez.code}") == ["Cesar Chavez High"]
    assert names("Taylor, Leadership Academy") == ["Taylor, Leadership Academy"]
    assert names("Adams school\nTaylor, Leadership Academy") == ["Adams Elementary", "Taylor, Leadership Academy"]
    for cell in ("", "Wherever it is needed most", "donde haga más falta", "ALL", "any school"):
        with translation.override("es"):
            spanish = translation.gettext("wherever it is needed most")
        assert names(spanish if cell.startswith("donde") else cell) == []


def test_unknown_and_ambiguous_schools_are_refused(chavez):
    assert problem(schools="Adams, Hogwarts") == (
        "“Hogwarts” isn’t one of the district’s schools. Check the spelling, or use the state code."
    )
    factories.school("Adams High")
    assert problem(schools="Adams") == ("“Adams” could be more than one school. Use the full name or the state code.")


def test_school_that_does_not_teach_the_grades_is_refused(chavez):
    wrong = "Cesar Chavez High doesn’t have these grades. Choose a different school or different grades."
    assert problem(schools="Cesar Chavez High", grades="1-3") == wrong


# The rest --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        ("alma@example.org", "alma@example.org"),
        ("mailto:Alma@example.org", "Alma@example.org"),
        ("Alma Reyes <alma@example.org>", "alma@example.org"),
        ("", ""),
    ],
)
def test_email(cell, address):
    assert value("email", cell) == address


@pytest.mark.parametrize(
    "cell", ["alma", "alma@", "a@example.org; b@example.org", "=alma@example", "x" * 300 + "@example.org"]
)
def test_bad_email(cell):
    assert parse_errors(email=cell).problems


def test_website():
    assert value("website", "www.example.org") == "https://www.example.org"
    assert value("website", "http://example.org/a") == "http://example.org/a"
    assert problem(website="javascript:alert(1)") == (
        "“javascript:alert(1)” isn’t a valid web address. Use one like https://www.example.org."
    )


def test_school_year_other_than_the_imported_one_is_refused():
    for cell in ("2027", "2027–28", "2027-2028", "2027/28", ""):
        assert parse_errors(year=cell).problems == []
    assert problem(year="2026–27") == (
        "This row is for 2026–27, but you’re importing 2027–28. Correct the school year or delete the row."
    )
    assert problem(year="this one") == (
        "This row is for this one, but you’re importing 2027–28. Correct the school year or delete the row."
    )


@pytest.mark.parametrize(
    "typed_date", ["%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y", "%B %d, %Y", "%d %b %Y", "%Y-%m-%d 00:00:00"]
)
def test_signed_on_date_formats(typed_date):
    assert value("signed_on", f"{date(2026, 4, 2):{typed_date}}") == "2026-04-02"


@pytest.mark.parametrize("cell", ["yesterday", "2026-02-30", "1999-01-01", "13/40/2026", "tomorrow"])
def test_bad_signed_on_date(cell):
    if cell == "tomorrow":
        cell = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert problem(signed_on=cell) == (
        f"“{cell}” isn’t a valid date. Use a date from 2018 to today, in a format like 4/1/2027."
    )


def test_signer_defaults_to_the_contact_and_is_required():
    assert parse_errors().values["signed_by"] == "Alma Reyes"
    assert parse_errors(signed_by="Ben Ochoa").values["signed_by"] == "Ben Ochoa"
    assert problem(contact="") == "Enter who signed, or a contact."


def test_cells_that_are_too_long_are_refused():
    for name, max_length in {"organization": 120, "contact": 100, "phone": 30, "note": 500, "signed_by": 100}.items():
        assert parse_errors(**{name: "x" * max_length}).problems == []
        assert problem(**{name: "x" * (max_length + 1)}).endswith(f"is too long. Use at most {max_length} characters.")


def test_formula_is_refused_as_organization_name_and_is_text_elsewhere():
    cell = "=cmd|' /C calc'!A0"
    assert problem(organization=cell) == f"“{cell}” looks like a formula. Enter the organization’s name."
    assert value("note", cell) == value("contact", cell) == cell
    assert value("organization", "@Home Care") == "@Home Care"


def test_retired_promise_type_and_school_are_accepted_for_a_closed_year(chavez):
    PromiseType.objects.filter(code="tours").update(is_retired=True)
    chavez.is_retired = True
    chavez.save()
    assert parse_errors(schools="Cesar Chavez High").problems == [
        "This promise type is no longer offered.",
        "Choose schools from the list.",
    ]
    factories.close_year()
    parser = RowParser(PledgeYear.objects.get())
    assert parser.parse(ROW | {"schools": "Cesar Chavez High"}).problems == []


def test_parsing_takes_three_queries_for_any_number_of_rows(django_assert_num_queries):
    year = factories.pledge_year()
    with django_assert_num_queries(3):
        parser = RowParser(year)
        for number in range(30):
            parser.parse(ROW | {"quantity": str(number + 1)})
