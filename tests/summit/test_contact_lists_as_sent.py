"""Lists of people as other programs, forms and offices write them: each is read right or named with line and reason."""

import io

import pytest
from openpyxl import Workbook

from imagine.core.spreadsheets.errors import ColumnMissing
from summit.invitations.contact_list_reading import CheckedList, ListOptions, SkippedRow, check_contact_list

pytestmark = pytest.mark.django_db


def read(content: str | bytes, **options) -> CheckedList:
    return check_contact_list(
        content.encode() if isinstance(content, str) else content, "list.csv", ListOptions(**options)
    )


def people(checked: CheckedList) -> list[tuple]:
    return [tuple(row)[1:] for row in checked.accepted]


def saved(workbook: Workbook) -> bytes:
    workbook.save(file := io.BytesIO())
    return file.getvalue()


def book(*rows) -> Workbook:
    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    return workbook


def columns(checked: CheckedList) -> dict[str, str]:
    return dict(checked.format["columns"])


# Other programs --------------------------------------------------------------------------------------------------

GOOGLE = """First Name,Middle Name,Last Name,Organization Name,Organization Title,Labels,E-mail 1 - Label,\
E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Value
Alma,,Reyes,Delta Books,Owner,* myContacts ::: Partners,Work,alma@example.org,Home,alma.home@example.org,+1 209-555-0101
Bao,Tou,Vang,Hmong Elders,,* myContacts,* Work,bao@example.org ::: bao2@example.org,,,209 555 0102
"""


def test_google_contacts():
    """Case list-contacts-programs."""
    checked = read(GOOGLE)
    assert people(checked) == [
        ("alma@example.org", "Alma Reyes", "Delta Books", ""),
        ("bao@example.org", "Bao Tou Vang", "Hmong Elders", ""),
    ]
    message = "Another address of the same person. We use the first one."
    assert checked.repeated == [SkippedRow(3, "bao2@example.org", message)]
    assert "E-mail 2 - Value" in checked.format["ignored"]


def test_older_google_contacts():
    text = "Name,Given Name,Family Name,E-mail 1 - Type,E-mail 1 - Value,Organization 1 - Type,Organization 1 - Name\n"
    text += "Alma Reyes,Alma,Reyes,*,alma@example.org,,Delta Books\n"
    assert people(read(text.encode("utf-16"))) == [("alma@example.org", "Alma Reyes", "Delta Books", "")]


def test_outlook():
    text = """First Name,Middle Name,Last Name,Title,Company,Job Title,E-mail Address,E-mail Type,E-mail Display Name
Alma,,Reyes,,Delta Books,Owner,alma@example.org,SMTP,Alma Reyes (alma@example.org)
Núria,,Peña,,Iglesia Nueva Vida,Pastora,/o=ExchangeLabs/ou=Exchange/cn=nuria,EX,Núria Peña
"""
    checked = read(text.encode("cp1252"))
    assert people(checked) == [("alma@example.org", "Alma Reyes", "Delta Books", "")]
    assert [(row.line, row.what) for row in checked.rejected] == [(3, "/o=ExchangeLabs/ou=Exchange/cn=nuria")]


def test_headings_of_a_form():
    """Cases list-contacts-programs and list-form-headings."""
    text = "Your Name *,Email (required),Organization / Company\nAlma Reyes,alma@example.org,Delta Books\n"
    assert people(read(text)) == [("alma@example.org", "Alma Reyes", "Delta Books", "")]
    text = """Timestamp,Email Address,"Name of your organization
or business",Your full name (first and last),"What kind of organization
are you?",Preferred language / Idioma preferido
4/5/2026 9:12:33,alma@example.org,Delta Books,Alma Reyes,Business,English
4/5/2026 9:13:33,rosa@example.org,Iglesia Nueva Vida,Rosa Peña,Faith,Español
"""
    checked = read(text)
    assert people(checked) == [
        ("alma@example.org", "Alma Reyes", "Delta Books", "en"),
        ("rosa@example.org", "Rosa Peña", "Iglesia Nueva Vida", "es"),
    ]
    assert checked.format["ignored"] == ["Timestamp", "What kind of organization\nare you?"]


def test_sign_up_without_address_is_named():
    text = "Sign Up,Item,First Name,Last Name,Email\nHosts,Table host,Alma,Reyes,alma@example.org\nHosts,Greeter,,,\n"
    checked = read(text)
    assert people(checked) == [("alma@example.org", "Alma Reyes", "", "")]
    assert checked.rejected == [SkippedRow(3, "Hosts", "The email address is missing.")]


def test_list_without_headings():
    """Case list-without-header."""
    assert people(read("alma@example.org\nbo@example.org\n")) == [
        ("alma@example.org", "", "", ""),
        ("bo@example.org", "", "", ""),
    ]
    checked = read("Alma Reyes,alma@example.org\nBo Lee,bo@example.org\n")
    assert people(checked) == [("alma@example.org", "Alma Reyes", "", ""), ("bo@example.org", "Bo Lee", "", "")]
    assert columns(checked) == {"A": "name", "B": "email"}


def test_refusal_names_every_heading():
    header = ",".join(f"Heading number {number}" for number in range(30))
    with pytest.raises(ColumnMissing) as error:
        read(f"{header}\n{','.join('x' * 30)}\n")
    assert str(error.value).endswith("Heading number 29.")
    assert len(error.value.description["ignored"]) == 30


# People who don't want email -------------------------------------------------------------------------------------


def test_opt_out_columns_of_a_contact_manager():
    """Case list-opt-out-columns."""
    checked = read(
        """Contact ID,Do Not Email,No Bulk Emails (User Opt Out),Is Deceased,Display Name,Current Employer,Email,On Hold
7,No,No,No,Alma Reyes,Delta Books,alma@example.org,No
8,Yes,Yes,No,Dara Sok,Sok Tires,dara@example.org,No
9,No,No,Yes,Tom Lee,,tom@example.org,On Hold Bounce
"""
    )
    assert people(checked) == [("alma@example.org", "Alma Reyes", "Delta Books", "")]
    assert checked.declined == [
        SkippedRow(3, "dara@example.org", "“Do Not Email” says “Yes”."),
        SkippedRow(4, "tom@example.org", "“Is Deceased” says “Yes”."),
    ]
    assert list(columns(checked).values()).count("no_email") == 4


def test_opt_out_columns_of_other_programs():
    """Case list-opt-out-columns: Mailchimp and Eventbrite; and a column of our own office."""
    checked = read(
        "Email Address,OPTIN_TIME,UNSUB_TIME\na@example.org,2025-01-01,2026-01-01\nb@example.org,2025-01-01,\n"
    )
    assert [row.email for row in checked.accepted] == ["b@example.org"]
    checked = read(
        "First Name,Email,Attendee Status\nAlma,a@example.org,Attending\nInfo Requested,Info Requested,Attending\n"
        "Dara,d@example.org,Not Attending\n"
    )
    assert [row.email for row in checked.accepted] == ["a@example.org"]
    assert [row.line for row in [*checked.rejected, *checked.declined]] == [3, 4]
    checked = read("Email,Invite\na@example.org,yes\nb@example.org,NO - complained\nc@example.org,\n")
    assert [row.email for row in checked.accepted] == ["a@example.org", "c@example.org"]
    assert checked.declined[0].why == "“Invite” says “NO - complained”."


# Cells -----------------------------------------------------------------------------------------------------------


def test_several_addresses_in_a_cell_are_several_people():
    """Case list-two-addresses-in-a-cell."""
    checked = read(
        "E-mail\nAlma Reyes <alma@example.org>; Bo Lee <bo@example.org>\ncy@example.org; di@example.org\n"
        '"Reyes, Eva <eva@example.org>, Flor <flor@example.org>"\n"gil@example.org, hana@example.org"\n'
        "ida@example.org / jo@example.org\n"
    )
    assert [(row.line, row.email, row.name) for row in checked.accepted] == [
        (2, "alma@example.org", "Alma Reyes"),
        (2, "bo@example.org", "Bo Lee"),
        (3, "cy@example.org", ""),
        (3, "di@example.org", ""),
        (4, "eva@example.org", "Reyes, Eva"),
        (4, "flor@example.org", "Flor"),
        (5, "gil@example.org", ""),
        (5, "hana@example.org", ""),
        (6, "ida@example.org", ""),
        (6, "jo@example.org", ""),
    ]


def test_row_with_one_bad_address_of_several_is_an_error():
    checked = read("E-mail\nAlma <alma@example.org>; Bo <bo@>\n")
    assert not checked.accepted
    assert checked.rejected[0].why == "“bo@” isn’t a valid email address. Use one like name@example.org."


def test_error_values_are_nobody():
    """Case list-error-cells."""
    rows = (["Alma", "Delta", "a@example.org"], ["#N/A", "#N/A", "b@example.org"], ["=B9", "Sok", "c@example.org"])
    checked = read(saved(book(["Name", "Organization", "Email"], *rows)))
    assert [row.email for row in checked.accepted] == ["a@example.org"]
    assert [(row.line, row.what) for row in checked.rejected] == [(3, "b@example.org"), (4, "c@example.org")]
    assert "“#N/A” is a spreadsheet error" in checked.rejected[0].why


def test_invisible_marks_around_an_address_are_dropped():
    assert people(read("Email\n\u202aalma@example.org\u202c\n")) == [("alma@example.org", "", "", "")]


# Hidden ----------------------------------------------------------------------------------------------------------


def test_hidden_rows_are_left_out_and_named():
    """Case list-hidden-rows."""
    workbook = book(["Name", "Email"], *([name, f"{name}@example.org"] for name in ("alma", "bo", "cy", "di")))
    for line in (3, 4):
        workbook.active.row_dimensions[line].hidden = True
    checked = read(saved(workbook))
    assert [row.name for row in checked.accepted] == ["alma", "di"]
    assert (checked.format["hidden_rows"], checked.format["hidden_row_count"]) == ("3–4", 2)
    assert len(read(saved(workbook), with_hidden=True).accepted) == 4


def test_hidden_column_is_skipped_and_named():
    workbook = book(["Name", "Email"], ["Alma", "alma@example.org"])
    workbook.active.column_dimensions["A"].hidden = True
    checked = read(saved(workbook))
    assert (people(checked), checked.format["hidden_columns"]) == ([("alma@example.org", "", "", "")], ["Name"])
    assert people(read(saved(workbook), fields={"name": "name"})) == [("alma@example.org", "Alma", "", "")]


def test_other_sheets_are_named_with_their_rows():
    """Case list-other-sheets."""
    workbook = book(["Organization", "Email"], ["Delta Books", "a@example.org"])
    faith = workbook.create_sheet("Faith")
    for row in (["Organization", "Email"], ["Nueva Vida", "b@example.org"], ["St. Brigid", "c@example.org"]):
        faith.append(row)
    checked = read(saved(workbook))
    assert [row.email for row in checked.accepted] == ["a@example.org"]
    assert checked.format["others"] == [{"name": "Faith", "rows": 2, "is_hidden": False, "is_alike": True}]
    assert [row.email for row in read(saved(workbook), sheet="Faith").accepted] == ["b@example.org", "c@example.org"]


# Chosen by hand --------------------------------------------------------------------------------------------------


def test_columns_matched_by_hand_come_first():
    text = "Correspondence,Who,Email\nalma@example.org,Alma,old@example.org\n"
    checked = read(text, fields={"correspondence": "email", "who": "name"})
    assert people(checked) == [("alma@example.org", "Alma", "", "")]
    assert checked.format["ignored"] == ["Email"]
    checked = read("Email,On Hold\na@example.org,Yes\n", fields={"onhold": ""})
    assert len(checked.accepted) == 1
