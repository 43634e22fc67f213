"""Uploaded contact lists: what is read, what is rejected, and who is added to the audience."""

import io

import pytest
from openpyxl import Workbook

from imagine.core.spreadsheets.errors import Unreadable
from imagine.mail import preferences
from partners.models import Contact, Organization
from summit.invitations import audience_query, contact_import, contact_list_reading
from summit.invitations.contact_list_reading import CheckedList, SkippedRow
from tests import factories, snapshots
from tests.factories import person

pytestmark = pytest.mark.django_db

HEADER = ("E-mail", "Name", "Organization", "Language")


def csv(*rows, header=HEADER) -> bytes:
    return "\n".join(",".join(row) for row in (header, *rows)).encode()


def xlsx(*rows, header=HEADER) -> bytes:
    book = Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(file := io.BytesIO())
    return file.getvalue()


def read_list(*rows, header=HEADER) -> CheckedList:
    """Read the rows, once as CSV and once as XLSX, which must give the same result."""
    checked = contact_list_reading.check_contact_list(csv(*rows, header=header), "list")
    assert contact_list_reading.check_contact_list(xlsx(*rows, header=header), "list") == checked
    return checked


def file_error(content: bytes) -> str:
    with pytest.raises(Unreadable) as error:
        contact_list_reading.check_contact_list(content, "list")
    return str(error.value)


def row_error(*row: str) -> str:
    [rejected_row] = read_list(row).rejected
    assert rejected_row.line == 2
    return rejected_row.why


def people() -> list[tuple]:
    return list(Contact.objects.order_by("email").values_list("email", "name", "organization__name", "language"))


# Read ------------------------------------------------------------------------------------------------------------


def test_rows_are_split_into_existing_and_new_contacts():
    person("Alma", email="Alma@example.org")
    checked = read_list(("ALMA@example.org",), ("jun@example.org", "Jun Park", "Port Gate", "es"))
    assert checked.existing == [(2, "ALMA@example.org", "", "", "")]
    assert checked.new == [(3, "jun@example.org", "Jun Park", "Port Gate", "es")]
    assert (checked.rejected, checked.repeated, checked.opted_out) == ([], [], [])
    assert [row.line for row in checked.accepted] == [2, 3]


@pytest.mark.parametrize(
    "header",
    [
        ("email", "name", "organization", "language"),
        ("Correo electrónico", "Nombre", "Organización", "Idioma"),
        ("E-Mail Address", "Contact", "Company", "Preferred language"),
    ],
)
def test_common_column_names_are_recognized(header):
    assert read_list(("jun@example.org", "Jun", "Port", "Español"), header=header).new == [
        (2, "jun@example.org", "Jun", "Port", "es")
    ]


def test_first_and_last_name_columns_are_joined():
    header = ("Last name", "First name", "Email", "Shoe size")
    assert read_list(("Park", "Jun", "jun@example.org", "42"), header=header).new[0].name == "Jun Park"


def test_email_with_display_name_or_mailto_is_read():
    checked = contact_list_reading.check_contact_list(
        b'email\n"Jun Park <jun@example.org>"\nmailto:mai@example.org\n', "list"
    )
    assert [row.email for row in checked.new] == ["jun@example.org", "mai@example.org"]


def test_title_lines_and_empty_lines_are_skipped():
    content = b"Our list of 2027,,\n\nName,E-mail\n,\nJun,jun@example.org\n\n"
    assert contact_list_reading.check_contact_list(content, "list").new == [(5, "jun@example.org", "Jun", "", "")]


def test_invalid_emails_are_reported():
    assert row_error("jun at example.org", "Jun") == (
        "“jun at example.org” isn’t a valid email address. Use one like name@example.org."
    )
    assert row_error("", "Jun") == "The email address is missing."
    assert row_error("x" * 250 + "@example.org") == f"“{'x' * 30}…” is too long. Use at most 254 characters."


def test_all_errors_of_a_row_are_reported_with_its_line():
    rejected_row = contact_list_reading.check_contact_list(
        csv(("mai@example.org",), ("nobody", "=1+1", "", "Klingon")), "list"
    ).rejected
    assert rejected_row == [
        SkippedRow(
            3,
            "nobody",
            "“nobody” isn’t a valid email address. Use one like name@example.org. "
            "“=1+1” looks like a formula, not a name. "
            "“Klingon” isn’t a language we use. Use one of these: English, Español.",
        )
    ]


def test_too_long_names_are_reported():
    assert row_error("jun@example.org", "x" * 101) == f"“{'x' * 30}…” is too long. Use at most 100 characters."
    assert row_error("jun@example.org", "Jun", "x" * 121) == f"“{'x' * 30}…” is too long. Use at most 120 characters."


def test_row_without_email_is_identified_by_its_name():
    assert read_list(("", "Jun Park")).rejected[0].what == "Jun Park"


def test_repeated_emails_are_accepted_once_ignoring_case():
    checked = read_list(("jun@example.org", "Jun"), ("JUN@example.org", "Jun Again"), ("jun@example.org",))
    assert [row.name for row in checked.new] == ["Jun"]
    expected = "Same address as row 2."
    assert checked.repeated == [SkippedRow(3, "JUN@example.org", expected), SkippedRow(4, "jun@example.org", expected)]


def test_unsubscribed_and_suppressed_emails_are_not_accepted():
    person("Alma")
    preferences.set_topics(preferences.get_preference("alma@example.org"), invitations=False)
    preferences.suppress("jun@example.org", "550")
    preferences.set_topics(preferences.get_preference("mai@example.org"), reminders=False)
    checked = read_list(("Alma@example.org",), ("jun@example.org",), ("mai@example.org",))
    assert [row.email for row in checked.opted_out] == ["Alma@example.org", "jun@example.org"]
    assert [row.email for row in checked.accepted] == ["mai@example.org"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "This file is empty. Choose another one."),
        (
            b"%PDF-1.4",
            "This is a PDF. Open it in Excel or Google Sheets, save it as an Excel workbook (.xlsx) or CSV, and upload "
            "that file.",
        ),
        (csv(("Jun",), header=("Name",)), "This file has no “Email” column. Its headings are: Name."),
        (b'email\n"jun@example.org\n', "Row 2 can’t be read. Make sure that each quotation mark in it has a match."),
    ],
)
def test_unusable_file_is_refused(content, expected):
    assert file_error(content) == expected


def test_file_with_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(contact_list_reading, "MAX_ROWS", 2)
    rows = [(f"person{n}@example.org",) for n in range(3)]
    assert file_error(csv(*rows)) == "This file has more than 2 rows. Split it into smaller files."


def test_checking_a_list_writes_nothing():
    before = snapshots.tables()
    read_list(("jun@example.org", "Jun", "Port Gate"))
    assert snapshots.tables() == before


@pytest.mark.parametrize("number", [1, 30])
def test_checking_takes_two_queries_for_any_number_of_rows(number, django_assert_num_queries):
    content = csv(*((f"person{n}@example.org",) for n in range(number)))
    with django_assert_num_queries(2):
        contact_list_reading.check_contact_list(content, "list")


# Take ------------------------------------------------------------------------------------------------------------


def test_add_to_audience_creates_missing_contacts_and_organizations():
    known = factories.organization("The Port Gate, Inc.")
    person("Boss", known)
    alma = person("Alma")
    checked = read_list(
        ("alma@example.org", "Alma Else"),
        ("jun@example.org", "Jun Park", "port gate", "es"),
        ("mai@example.org", "Mai", "Brand New"),
        ("kou@example.org", "Kou", "brand new"),
        ("tou@example.org", "Tou"),
    )
    audience = factories.audience()
    assert contact_import.add_to_audience(audience, checked) == 5
    assert people() == [
        ("alma@example.org", "Alma", None, "en"),
        ("boss@example.org", "Boss", "The Port Gate, Inc.", "en"),
        ("jun@example.org", "Jun Park", "The Port Gate, Inc.", "es"),
        ("kou@example.org", "Kou", "Brand New", "en"),
        ("mai@example.org", "Mai", "Brand New", "en"),
        ("tou@example.org", "Tou", None, "en"),
    ]
    assert Organization.objects.get(name="Brand New").contacts.filter(is_primary=True).count() == 1
    assert [one.name for one in audience_query.audience_people(audience, factories.event())] == [
        "Alma",
        "Jun Park",
        "Kou",
        "Mai",
        "Tou",
    ]
    assert alma in audience.uploaded_contacts.all()


def test_adding_the_same_list_again_changes_nothing():
    content, audience = csv(("jun@example.org", "Jun", "Port"), ("mai@example.org",)), factories.audience()
    first = contact_list_reading.check_contact_list(content, "list")
    contact_import.add_to_audience(audience, first)
    before = snapshots.tables()
    contact_import.add_to_audience(audience, first)
    contact_import.add_to_audience(audience, contact_list_reading.check_contact_list(content, "list"))
    assert snapshots.tables() == before


def test_contact_without_name_is_named_after_organization_or_email():
    contact_import.add_to_audience(
        factories.audience(), read_list(("jun@example.org",), ("mai@example.org", "", "Port Gate"))
    )
    assert [name for _email, name, *_rest in people()] == ["jun", "Port Gate"]


def test_shared_email_matches_the_contact_of_the_given_organization():
    organizations = [factories.organization("Port Gate"), factories.organization("Union Hall")]
    first, second = [person("Alma", organization) for organization in organizations]
    for organization, expected_contact in (("union hall", second), ("", first), ("Unknown", first)):
        audience = factories.audience()
        contact_import.add_to_audience(audience, read_list(("alma@example.org", "Alma", organization)))
        assert audience.uploaded_contacts.get() == expected_contact
    assert Contact.objects.count() == 2


def test_contacts_deleted_or_created_since_checking_are_still_added():
    deleted = person("Alma")
    checked = read_list(("alma@example.org", "Alma"), ("jun@example.org", "Jun"))
    deleted.delete()
    created = person("Jun")
    audience = factories.audience()
    assert contact_import.add_to_audience(audience, checked) == 2
    assert created in audience.uploaded_contacts.all()


def test_rejected_repeated_and_opted_out_rows_are_not_added():
    preferences.set_topics(preferences.get_preference("no@example.org"), invitations=False)
    checked = read_list(("broken",), ("jun@example.org",), ("jun@example.org",), ("no@example.org",))
    assert contact_import.add_to_audience(factories.audience(), checked) == 1
    assert [email for email, *_rest in people()] == ["jun@example.org"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 30])
def test_add_to_audience_query_count_is_constant(number, django_assert_num_queries):
    checked = read_list(*((f"person{n}@example.org", f"Person {n}", f"Works {n}") for n in range(number)))
    audience = factories.audience()
    with django_assert_num_queries(25):
        contact_import.add_to_audience(audience, checked)
    assert Organization.objects.count() == number


def test_new_organizations_get_unique_slugs():
    factories.organization("Port Works")
    contact_import.add_to_audience(
        factories.audience(),
        read_list(
            ("jun@example.org", "Jun", "Port-Works 2"),
            ("mai@example.org", "Mai", "Port Works (2)"),
            ("a@example.org", "", "端"),
        ),
    )
    assert sorted(Organization.objects.values_list("name", "slug")) == [
        ("Port Works", "port-works"),
        ("Port Works (2)", "port-works-2"),
        ("端", "partner"),
    ]
