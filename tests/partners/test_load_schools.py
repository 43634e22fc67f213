"""Loading the list of schools: changes are shown first and made once, and an invalid file changes nothing."""

import sys
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook

from partners import schools
from partners.models import School
from tests import factories, snapshots

pytestmark = pytest.mark.django_db

HEADER_LINE = "cds_code,name,level,charter\n"
EDISON = "39686760000001,Edison High,high,no\n"
CALAVERAS = "39686760000002,Rio Calaveras Elementary,elementary,no\n"


def run(content: str | bytes | None = None, *options: str, tmp_path=None, **keywords) -> str:
    """Run the command on a file with this content and return its output."""
    output, files = StringIO(), []
    if content is not None:
        path = tmp_path / "schools.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        files = [str(path)]
    call_command("load_schools", *files, *options, stdout=output, **keywords)
    return output.getvalue()


@pytest.fixture
def load(tmp_path):
    return lambda content, *options: run(content, *(options or ["--yes"]), tmp_path=tmp_path)


def stored_schools() -> list[tuple]:
    return list(School.objects.order_by("code").values_list("name", "level", "is_charter", "is_retired"))


def test_default_file_loads_the_62_schools_of_2018():
    output = run(None, "--yes")
    assert output.splitlines()[-1] == "62 schools changed."
    levels = {level: School.objects.filter(level=level).count() for level in School.Level.values}
    assert levels == {"elementary": 50, "secondary": 1, "high": 11}
    assert School.objects.filter(is_charter=True).count() == 14
    assert run(None, "--yes") == "No changes. The schools already match the file.\n"


def test_loading_adds_updates_retires_and_restores_schools_by_code(load):
    load(HEADER_LINE + EDISON + CALAVERAS)
    output = load(
        HEADER_LINE
        + "39686760000001,Thomas Edison High,high,yes\n39686760000003,Slough House Elementary,elementary,no\n"
    )
    assert output.splitlines() == [
        "change Edison High (39686760000001), name: Edison High → Thomas Edison High, is_charter: False → True",
        "add Slough House Elementary (39686760000003), elementary",
        "retire Rio Calaveras Elementary (39686760000002)",
        "3 schools changed.",
    ]
    assert stored_schools() == [
        ("Thomas Edison High", "high", True, False),
        ("Rio Calaveras Elementary", "elementary", False, True),
        ("Slough House Elementary", "elementary", False, False),
    ]
    output = load(HEADER_LINE + "39686760000001,Thomas Edison High,high,yes\n" + CALAVERAS)
    assert output.splitlines()[:2] == [
        "bring back Rio Calaveras Elementary (39686760000002)",
        "retire Slough House Elementary (39686760000003)",
    ]
    edison = School.objects.get(code="39686760000001")
    assert snapshots.changes(edison)[1] == {
        "name": ["Edison High", "Thomas Edison High"],
        "is_charter": [False, True],
    }


def test_retired_school_stays_on_existing_promises(load):
    load(HEADER_LINE + EDISON)
    pledge = factories.signed_pledge(promises=(factories.promise_data(schools=(School.objects.get(),)),))
    load(HEADER_LINE + CALAVERAS)
    assert snapshots.promises(pledge)[0][4] == ["Edison High"]


def test_dry_run_lists_changes_and_saves_nothing(load):
    assert load(HEADER_LINE + EDISON, "--dry-run").splitlines() == [
        "add Edison High (39686760000001), high",
        "Nothing was changed. 1 school would change.",
    ]
    assert stored_schools() == []


@pytest.mark.parametrize(("reply", "loaded"), [("yes\n", True), ("no\n", False), ("\n", False)])
def test_command_asks_before_loading(load, monkeypatch, reply, loaded):
    monkeypatch.setattr(sys, "stdin", StringIO(reply))
    output = load(HEADER_LINE + EDISON, "--verbosity=1").splitlines()
    assert output == [
        "add Edison High (39686760000001), high",
        "1 school changed." if loaded else "Nothing was changed.",
    ]
    assert School.objects.exists() is loaded


def test_command_without_input_fails_and_changes_nothing(load, monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO())
    with pytest.raises(CommandError, match="There was no one to ask"):
        load(HEADER_LINE + EDISON, "--verbosity=1")
    assert stored_schools() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "This file is empty. Choose another one."),
        ("cds_code,name,level\n" + EDISON, "Row 1: needs exactly one column charter"),
        ("cds_code,name,name,level,charter\n", "Row 1: needs exactly one column name"),
        (HEADER_LINE, "Row 1: no schools in the file."),
        (HEADER_LINE + EDISON + CALAVERAS + EDISON, "Row 4: row 2 already has the code 39686760000001."),
        (
            HEADER_LINE + "3968676000001,A,high,no\n",
            "Row 2: the code must have exactly 14 digits, but is “3968676000001”.",
        ),
        (
            HEADER_LINE + "3.96868E+13,A,high,no\n",
            "Row 2: the code must have exactly 14 digits, but is “3.96868E+13”.",
        ),
        (HEADER_LINE + "٣٩٦٨٦٧٦٠٠٠٠٠٠١,A,high,no\n", "Row 2: the code must have exactly 14 digits"),
        (
            HEADER_LINE + EDISON + "\n39686760000002,B,middle,no\n",
            "Row 4: the level must be elementary or secondary or high",
        ),
        (HEADER_LINE + "39686760000001,A,high,maybe\n", "Row 2: charter must be yes or no, but is “maybe”."),
        (HEADER_LINE + "39686760000001,,high,no\n", "Row 2: the name must have 1 to 100 characters."),
        (HEADER_LINE + f"39686760000001,{'x' * 101},high,no\n", "Row 2: the name must have 1 to 100 characters."),
        (HEADER_LINE + "39686760000001,A,high\n", "Row 2: charter must be yes or no, but is “”."),
        (
            HEADER_LINE + EDISON + '39686760000002,"B,high,no\n',
            "Row 3 can’t be read. Make sure that each quotation mark in it has a match.",
        ),
        (HEADER_LINE + "39686760000001,#N/A,high,no\n", "Row 2: “#N/A” is a spreadsheet error, not a value."),
        (b"PK\x03\x04\xff\xff\n", "This file is damaged, or isn’t really an Excel (.xlsx) file."),
    ],
)
def test_invalid_file_is_rejected_entirely_with_line_and_reason(load, content, reason):
    load(HEADER_LINE + "39686760000009,Old School,high,no\n")
    with pytest.raises(CommandError) as rejected:
        load(content)
    assert reason in str(rejected.value)
    assert "has an error, so nothing was changed" in str(rejected.value)
    assert stored_schools() == [("Old School", "high", False, False)]


def test_spreadsheet_export_is_read_correctly(load):
    content = '\ufeffcharter,note,name ,level,cds_code\r\nno,," O’Connor, Peña ",elementary, 39686760000001\r\n,,,,\r\n'
    load(content)
    assert stored_schools() == [("O’Connor, Peña", "elementary", False, False)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "mac_roman", "utf-16"])
def test_other_delimiters_and_encodings_are_read(load, delimiter, encoding):
    content = (HEADER_LINE + EDISON + "39686760000002,Peña Elementary,elementary,no\n").replace(",", delimiter)
    load(content.encode(encoding))
    assert [name for name, *_rest in stored_schools()] == ["Edison High", "Peña Elementary"]


def test_workbook_is_read_unless_a_row_is_hidden(load):
    workbook = Workbook()
    for row in (HEADER_LINE.strip().split(","), [39686760000001, "Edison High", "high", "no"], CALAVERAS.split(",")):
        workbook.active.append([cell.strip() if isinstance(cell, str) else cell for cell in row])
    workbook.save(file := BytesIO())
    load(file.getvalue())
    assert len(stored_schools()) == 2
    workbook.active.row_dimensions[3].hidden = True
    workbook.save(file := BytesIO())
    with pytest.raises(CommandError, match=r"Row 3: is hidden\. Unhide or delete it\."):
        load(file.getvalue())


def test_missing_file_raises_command_error():
    with pytest.raises(CommandError, match=r"nowhere.csv can't be read: No such file or directory\."):
        call_command("load_schools", "nowhere.csv")


def test_loading_is_refused_if_schools_changed_since_they_were_shown(load):
    rows = schools.read_schools((HEADER_LINE + EDISON).encode())
    comparison = schools.compare_schools(rows)
    load(HEADER_LINE + CALAVERAS)
    with pytest.raises(schools.SchoolsChanged):
        schools.load_schools(rows, comparison)
    assert stored_schools() == [("Rio Calaveras Elementary", "elementary", False, False)]
