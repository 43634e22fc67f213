"""Importing last year's spreadsheet: reading, checking, writing, repeating, and undoing."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.utils import timezone, translation

from imagine.core.models import AuditEntry
from imagine.core.spreadsheets import reader, writer
from imagine.mail.models import Message
from partners import exports
from partners.imports import validation, writing
from partners.imports import workflow as import_workflow
from partners.imports.workflow import OrganizationChoice
from partners.models import (
    Contact,
    CreatedRecord,
    Import,
    ImportedOrganization,
    ImportRow,
    Organization,
    Pledge,
    Promise,
    PromiseType,
    Signature,
)
from partners.organizations import merging, profiles
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from tests import factories, snapshots
from tests.partners.import_files import HEADER, as_csv, as_xlsx, messy_table, row, table

pytestmark = pytest.mark.django_db

GATE = "Port Gate Logistics"


@pytest.fixture
def year(db):
    return factories.pledge_year()


def check_file(*rows: dict, header: list[str] | None = None, content: bytes | None = None, **fields) -> Import:
    """Upload and check a file of any size."""
    content = as_csv(table(list(rows), header)) if content is None else content
    run = import_workflow.start_import(
        content, **({"file_name": "list.csv", "year": factories.pledge_year(), "by": "anna", "language": "en"} | fields)
    )
    return run_workers(run)


def run_workers(run: Import) -> Import:
    """Run workers until there is nothing left to do."""
    run.refresh_from_db()
    while run.is_in_progress:
        import_workflow.run_steps(run.pk)
        run.refresh_from_db()
    return run


def write(run: Import, **fields) -> Import:
    import_workflow.confirm_import(run, **fields)
    return run_workers(run)


def undo(run: Import) -> Import:
    import_workflow.undo_import(run)
    return run_workers(run)


def problems(run: Import) -> dict[int, list[str]]:
    return {invalid.line: invalid.errors for invalid in validation.rows_with_errors(run)}


def all_rows() -> tuple:
    """Return all rows about partners, without keys and times."""
    return (
        sorted(Organization.objects.values_list("name", "sector", "slug")),
        sorted(Contact.objects.values_list("organization__name", "name", "email", "is_primary")),
        sorted(Pledge.objects.values_list("organization__name", "year", "version", "signed_by")),
        sorted(Promise.objects.values_list("pledge__organization__name", "promise_type__code", "quantity", "note")),
        Signature.objects.count(),
    )


# Read and checked ------------------------------------------------------------------------------------------------


def test_checking_a_file_writes_nothing(year):
    run = check_file(
        row(), row(kind="mentors", quantity="12"), row(organization="Zeta Freight", e_mail="z@zeta.example")
    )
    assert (run.state, run.row_count, run.error_count) == ("checked", 3, 0)
    assert [(one.name, one.is_new, one.line) for one in run.organizations.order_by("pk")] == [
        (GATE, True, 2),
        ("Zeta Freight", True, 4),
    ]
    assert all_rows() == ([], [], [], [], 0)


@pytest.mark.parametrize(
    ("delimiter", "encoding", "options"),
    [
        (",", "utf-8-sig", {"encoding": "UTF-8", "delimiter": "comma"}),
        (";", "cp1252", {"encoding": "Windows-1252", "delimiter": "semicolon"}),
        (";", "latin-1", {"encoding": "Windows-1252", "delimiter": "semicolon"}),
        ("\t", "utf-16", {"encoding": "UTF-16", "delimiter": "tab"}),
    ],
)
def test_csv_delimiter_and_encoding_are_detected(year, delimiter, encoding, options):
    lines = table([row(organization="Peña & Núñez", note="Año")])
    run = write(check_file(content=as_csv(lines, delimiter, encoding)))
    assert options.items() <= run.format.items()
    assert all_rows()[0] == [("Peña & Núñez", "business", "pena-nunez")]
    assert Promise.objects.get().note == "Año"


def test_xlsx(year):
    lines = table([row(quantity=6, signed_on=date(2026, 4, 2))])
    run = write(check_file(content=as_xlsx([["Partners of last year"], [], *lines])))
    assert (run.format["kind"], run.format["sheet"]) == ("xlsx", "Partners")
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6}


def test_columns_are_matched_by_name_and_shown(year):
    header = ["Company", "Commitment", "T-shirts", "How many", "E-Mail", "Contact person"]
    lines = [header, [GATE, "mentors", "XL", "12", "alma@example.org", "Alma Reyes"]]
    run = check_file(content=as_csv(lines))
    assert run.format["columns"] == [
        ["Company", "organization"],
        ["Commitment", "promise_type"],
        ["How many", "quantity"],
        ["E-Mail", "email"],
        ["Contact person", "contact"],
    ]
    assert run.format["ignored"] == ["T-shirts"]
    assert problems(run) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "This file is empty. Choose another one."),
        (as_csv([HEADER]), "This file has headings, but no rows below them."),
        (
            as_csv([["Organization", "Promise"], ["A", "tours"]]),
            "This file is missing these columns: quantity. We found these headings: ",
        ),
        (
            as_csv([["a", "b"], ["1", "2"]]),
            "This file is missing these columns: organization, promise type, quantity. We found these headings",
        ),
        (b"MZ\x90\0" + b"\0" * 99, "This isn’t a spreadsheet we can read."),
        (as_xlsx(table([row()]))[:300], "This file is damaged, or isn’t really an Excel (.xlsx) file."),
        (
            b'Organization,Kind,Quantity\nA,"tours,1\n',
            "Row 2 can’t be read. Make sure that each quotation mark in it has a match.",
        ),
    ],
)
def test_unreadable_file_is_rejected_with_a_reason(year, content, reason):
    run = check_file(content=content)
    assert (run.state, run.row_count, run.rows.count()) == ("rejected", 0, 0)
    assert run.rejection_reason.startswith(reason)


def test_rejection_reason_is_in_the_language_of_the_sender(year):
    with translation.override("es"):
        expected = translation.gettext("This file is empty. Choose another one.")
    assert check_file(content=b"", language="es").rejection_reason == expected


def test_each_bad_row_is_reported_with_its_line_and_all_errors(year):
    run = check_file(
        row(),
        row(organization="Zeta", kind="bus", quantity="0", e_mail="z@"),
        row(organization="Omega", sector="Circus"),
        {},
        row(kind="host tours & field trips", quantity="9"),
        row(organization="PORT  GATE logistics, Inc.", kind="tours"),
        row(organization="=cmd|' /C calc'!A0"),
    )
    errors = problems(run)
    assert list(errors) == [3, 4, 6, 7, 8]
    assert errors[3] == [
        "“z@” isn’t a valid email address. Use one like name@example.org.",
        "“bus” isn’t one of the promise types. Use a name from the list of promise types.",
        "“0” isn’t a valid quantity. Use a whole number from 1 to 100,000.",
    ]
    assert errors[4][0].startswith("“Circus” isn’t a sector we recognize.")
    duplicate_error = ["Row 2 already has this promise type for this organization. Combine the two rows."]
    assert errors[6] == errors[7] == duplicate_error
    assert "looks like a formula" in errors[8][0]
    assert (run.row_count, run.error_count) == (6, 5)


def test_file_with_too_many_rows_is_rejected(year, monkeypatch):
    monkeypatch.setattr(validation, "MAX_ROWS", 3)
    run = check_file(*[row(organization=f"Partner {number}") for number in range(4)])
    assert run.rejection_reason == "This file has more than 3 rows. Split it into smaller files."
    assert (run.state, ImportRow.objects.count()) == ("rejected", 0)


def test_row_of_another_school_year_is_an_error(year):
    run = check_file(row(school_year="2027–28"), row(organization="Zeta", school_year="2025"))
    assert problems(run) == {
        3: ["This row is for 2025, but you’re importing 2027–28. Correct the school year or delete the row."]
    }


# Which organization ----------------------------------------------------------------------------------------------


def test_organization_with_the_same_name_is_used_without_asking(year):
    existing = factories.organization("The Port Gate Logistics, Inc.")
    run = check_file(row())
    [imported] = run.organizations.all()
    assert (imported.organization, imported.is_new, imported.needs_review) == (existing, False, False)
    write(run)
    assert snapshots.organizations() == ["The Port Gate Logistics, Inc."]
    assert Pledge.objects.get().organization == existing


def test_import_asks_about_a_similar_name_and_uses_the_answer(year):
    existing = factories.organization("Port Gate Logistic Group")
    run = check_file(row())
    [imported] = validation.organizations_to_review(run)
    assert (imported.existing_matches, imported.organization, imported.is_new) == (
        [[existing.pk, 59, ["similar_name"]]],
        None,
        True,
    )
    import_workflow.answer_questions(run, {imported.pk: OrganizationChoice(existing.pk)})
    write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group"]


def test_same_email_and_similar_name_preselects_the_existing_organization(year):
    existing = factories.organization("Port Gate Logistic Group")
    factories.contact(existing, "Alma@portgate.example")
    run = check_file(row())
    [imported] = validation.organizations_to_review(run)
    assert (imported.organization, imported.is_new) == (existing, False)
    import_workflow.answer_questions(run, {imported.pk: OrganizationChoice()})
    write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group", GATE]


def test_import_asks_which_of_two_organizations_with_the_same_name(year):
    first, second = factories.organization(GATE), factories.organization(f"{GATE}, Inc.")
    factories.contact(second, "alma@portgate.example")
    [imported] = validation.organizations_to_review(check_file(row()))
    assert (imported.organization, [pk for pk, *_why in imported.existing_matches]) == (second, [second.pk, first.pk])


def test_only_a_proposed_organization_can_be_chosen(year):
    factories.organization("Port Gate Logistic Group")
    other = factories.organization("Zeta Freight")
    run = check_file(row())
    [imported] = validation.organizations_to_review(run)
    import_workflow.answer_questions(run, {imported.pk: OrganizationChoice(other.pk), 999_999: OrganizationChoice()})
    imported.refresh_from_db()
    assert imported.is_new


def test_names_answered_as_the_same_organization_make_one_pledge(year):
    existing = factories.organization("Port Gate Logistic Group")
    run = check_file(
        row(), row(organization="Port Gate Logistics Grp", kind="mentors"), row(organization="Port Gate Logistic")
    )
    import_workflow.answer_questions(
        run, {imported.pk: OrganizationChoice(existing.pk) for imported in run.organizations.all()}
    )
    write(run)
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6, "mentors": 6}
    assert run.counts["left_names"] == ["Port Gate Logistic Group"]


# Twins in one file -----------------------------------------------------------------------------------------------


def separate_row(number: int, **cells) -> dict:
    """Return a row whose contact appears nowhere else."""
    return row(**({"e_mail": f"p{number}@p{number}.example"} | cells))


def questions(run: Import) -> list[tuple]:
    """Return which organizations are asked about, the matching lines and reasons, and the choice."""
    return [
        (one.line, [(line, reasons) for line, _score, reasons in one.matches_in_file], one.duplicate_of_line)
        for one in validation.organizations_to_review(run)
    ]


@pytest.mark.parametrize(
    ("cells", "reasons", "chosen"),
    [
        ({"organization": "Port Gate Logistic"}, ["similar_name"], None),
        ({"organization": "Port Gate Logistic", "e_mail": "Alma@portgate.example"}, ["similar_name", "email"], 2),
        ({"organization": "Alma’s Freight", "e_mail": "alma@portgate.example"}, ["email"], None),
        (
            {"organization": "Port Gate Logistic", "e_mail": "ben@portgate.example"},
            ["similar_name", "email_domain"],
            None,
        ),
    ],
)
def test_import_asks_about_duplicates_in_the_file_before_writing(year, cells, reasons, chosen):
    run = check_file(row(), separate_row(2, organization="Zeta Freight"), separate_row(3, **cells))
    assert questions(run) == [(4, [(2, reasons)], chosen)]
    assert all_rows() == ([], [], [], [], 0)


def test_website_and_email_domain_reveal_a_duplicate_in_the_file(year):
    header = [*HEADER, "Website"]
    rows = [row(), row(organization="Alma’s Freight", e_mail="ben@portgate.example")]
    run = check_file(*[one | {"Website": "https://portgate.example"} for one in rows], header=header)
    assert questions(run) == [(3, [(2, ["website", "email_domain"])], None)]


def test_widely_shared_emails_and_domains_are_not_match_reasons(year):
    names = ["Delta", "Port", "Valley", "Tule", "Sierra", "Cold"]
    assert questions(check_file(*[row(organization=f"{name} {name[::-1]}") for name in names])) == []
    freemail = [row(organization=name * 2, e_mail=f"{name}@gmail.com") for name in names]
    assert questions(check_file(*freemail)) == []


def test_import_does_not_ask_about_duplicates_that_already_exist(year):
    for name in (GATE, "Port Gate Logistic"):
        factories.organization(name)
    assert questions(check_file(row(), row(organization="Port Gate Logistic"))) == []


def test_confirmed_duplicates_in_the_file_make_one_organization(year):
    run = check_file(
        row(sector=""),
        separate_row(2, organization="Port Gate Logistic", kind="mentors", quantity="9"),
        separate_row(3, organization="Port Gate Logisti", kind="tours", quantity="7"),
        separate_row(4, organization="Zeta Freight"),
    )
    import_workflow.answer_questions(
        run,
        {
            imported.pk: OrganizationChoice(line=imported.line - 1)
            for imported in validation.organizations_to_review(run)
        },
    )
    assert [each[2] for each in questions(run)] == [2, 3]
    run = write(run)
    assert snapshots.organizations() == [GATE, "Zeta Freight"]
    gate = Organization.objects.get(name=GATE)
    assert gate.sector == "business"  # the first one with a value
    assert snapshots.promised_amounts(gate.pledges.get()) == {"tours": 6, "mentors": 9}  # the first of each type counts
    assert gate.contacts.count() == 3
    assert (run.steps_done, run.counts["organizations"], run.counts["left_names"]) == (4, 2, [GATE])
    undo(run)
    assert all_rows() == ([], [], [], [], 0)


@pytest.mark.slow
def test_duplicate_of_a_matched_row_uses_its_organization_across_batches(year, monkeypatch):
    existing = factories.organization(GATE)
    monkeypatch.setattr(writing, "BATCH_SIZE", 1)
    rows = [separate_row(number, organization=f"{name} {name[::-1]}") for number, name in enumerate(["Delta", "Tule"])]
    run = check_file(
        row(organization="Port Gate Logistc"), *rows, row(organization="Port Gate Logistic", kind="mentors")
    )
    first, last = validation.organizations_to_review(run)
    import_workflow.answer_questions(
        run, {first.pk: OrganizationChoice(existing.pk), last.pk: OrganizationChoice(line=first.line)}
    )
    write(run)
    assert snapshots.promised_amounts(existing.pledges.get()) == {"tours": 6, "mentors": 6}
    assert Organization.objects.count() == 3


def test_only_a_proposed_line_can_be_chosen(year):
    run = check_file(
        row(), separate_row(2, organization="Zeta Freight"), separate_row(3, organization="Port Gate Logistic")
    )
    [imported] = validation.organizations_to_review(run)
    for line in (3, 4, 99):
        import_workflow.answer_questions(run, {imported.pk: OrganizationChoice(line=line)})
    assert questions(run)[0][2] is None


def test_duplicates_answered_as_new_make_two_organizations(year):
    run = check_file(row(), row(organization="Port Gate Logistic"))
    [imported] = validation.organizations_to_review(run)
    assert imported.duplicate_of_line == 2
    import_workflow.answer_questions(run, {imported.pk: OrganizationChoice()})
    write(run)
    assert sorted(snapshots.organizations()) == ["Port Gate Logistic", GATE]


# Written ---------------------------------------------------------------------------------------------------------


def test_imported_pledge_has_the_signer_and_date_from_the_sheet(year):
    factories.school()
    run = write(
        check_file(
            row(
                signed_by="Ben Ochoa",
                phone="209 555 0100",
                grades="9-12",
                schools="Cesar Chavez High",
                months="Oct, Mar",
            ),
            row(kind="mentors", quantity="12", note="=cmd|' /C calc'!A0"),
        )
    )
    pledge = Pledge.objects.get()
    assert (pledge.signed_by, timezone.localdate(pledge.signed_at), pledge.version) == (
        "Ben Ochoa",
        date(2026, 4, 2),
        1,
    )
    assert (pledge.organization.name, pledge.organization.sector, pledge.state) == (GATE, "business", "signed")
    assert snapshots.promises(pledge) == [
        ("tours", 6, ["9-12"], [10, 3], ["Cesar Chavez High"], ""),
        ("mentors", 12, [], [], [], "=cmd|' /C calc'!A0"),
    ]
    contact = pledge.contact
    assert (contact.name, contact.email, contact.phone, contact.is_primary) == (
        "Alma Reyes",
        "alma@portgate.example",
        "209 555 0100",
        True,
    )
    [version] = pledge.signatures.all()
    assert (version.number, version.signed_by, version.signed_at) == (1, "Ben Ochoa", pledge.signed_at)
    assert version.content["promises"][1]["name_es"] == "Ser mentores y ejemplos a seguir"
    assert run.counts == {"taken": 0, "organizations": 1, "contacts": 1, "pledges": 1, "promises": 2}
    assert not Message.objects.exists()


def test_imported_signature_matches_one_signed_by_link(year):
    write(check_file(row(contact="Alma Reyes", signed_by="Alma Reyes")))
    other = factories.signed_pledge("Zeta Freight", promises=(factories.promise_data("tours", 6),))
    signed_content = [
        pledge.signatures.get().content for pledge in (Pledge.objects.get(organization__name=GATE), other)
    ]
    assert signed_content[0] | {"organization": "", "sector": ""} == signed_content[1] | {
        "organization": "",
        "sector": "",
    }


def test_signature_date_defaults_to_the_opening_date_of_the_school_year(year):
    write(check_file(row(signed_on="")))
    assert timezone.localdate(Pledge.objects.get().signed_at) == year.opens_on


def test_history_shows_who_imported_what(year):
    write(check_file(row()))
    pledge = Pledge.objects.get()
    change = AuditEntry.objects.about(pledge).get()
    assert (change.actor_kind, change.actor_name, change.reason) == ("staff", "anna", "list.csv")
    assert change.changes == {
        "signed_by": ["", "Alma Reyes"],
        "Host tours and field trips": ["", "6 visits; wherever it is needed most"],
    }
    assert snapshots.changes(pledge.organization) == [{"name": ["", GATE]}]


def test_bad_rows_are_skipped_only_when_staff_confirm(year):
    run = check_file(row(), row(organization="Zeta", quantity="0"))
    with pytest.raises(import_workflow.ImportRefused, match="Some rows have errors"):
        import_workflow.confirm_import(run)
    assert all_rows() == ([], [], [], [], 0)
    write(run, skip_errors=True)
    assert snapshots.organizations() == [GATE]


def test_import_with_only_bad_rows_is_refused(year):
    run = check_file(row(quantity="0"))
    with pytest.raises(import_workflow.ImportRefused, match="nothing to import, because every row has an error"):
        import_workflow.confirm_import(run, skip_errors=True)


def test_rows_are_kept_only_until_they_are_written(year):
    run = check_file(row(), row(organization="Zeta", quantity="0"))
    assert (ImportRow.objects.count(), ImportedOrganization.objects.count()) == (2, 1)
    write(run, skip_errors=True)
    assert (ImportRow.objects.count(), ImportedOrganization.objects.count()) == (0, 0)


def test_discarded_import_writes_nothing_and_keeps_no_rows(year):
    run = check_file(row())
    import_workflow.discard_import(run)
    assert (Import.objects.get().state, ImportRow.objects.count(), all_rows()[0]) == ("discarded", 0, [])
    for function in (import_workflow.confirm_import, import_workflow.discard_import, import_workflow.undo_import):
        with pytest.raises(import_workflow.ImportRefused, match="status changed to “Discarded” in the meantime"):
            function(run)


def test_import_into_a_closed_year_accepts_a_retired_promise_type(year):
    factories.close_year()
    PromiseType.objects.filter(code="tours").update(is_retired=True)
    write(check_file(row()))
    assert Pledge.objects.get().state == "closed"


def test_next_years_pledge_starts_from_the_imported_promises(year):
    write(check_file(row(quantity="6")))
    factories.close_year()
    factories.pledge_year(2028)
    sheet = page_state.load_page_state(Pledge.objects.get().token)
    assert (sheet.pledge, [one.quantity for one in sheet.promises]) == (None, [6])


# Twice -----------------------------------------------------------------------------------------------------------


def test_importing_the_same_file_twice_changes_nothing(year):
    lines = [row(), row(kind="mentors"), row(organization="Zeta Freight", e_mail="z@zeta.example")]
    write(check_file(*lines))
    before = all_rows()
    repeated = write(check_file(*lines))
    assert all_rows() == before
    assert repeated.counts == {
        "taken": 2,
        "organizations": 0,
        "contacts": 0,
        "left": 2,
        "left_names": [GATE, "Zeta Freight"],
        "pledges": 0,
        "promises": 0,
    }
    assert not repeated.created_records.exists()


@pytest.mark.slow
def test_importing_twice_creates_a_new_similar_organization_once(year):
    factories.organization("Port Gate Logistic Group")
    for _time in range(2):
        run = check_file(row())
        import_workflow.answer_questions(
            run, {imported.pk: None for imported in validation.organizations_to_review(run)}
        )
        write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group", GATE]


def test_existing_pledge_of_a_partner_is_unchanged(year):
    pledge = factories.signed_pledge(GATE, promises=(factories.promise_data("tours", 2),))
    run = write(check_file(row(quantity="6"), row(kind="mentors")))
    assert (snapshots.promised_amounts(pledge), run.counts["left_names"]) == ({"tours": 2}, [GATE])
    assert sorted(pledge.organization.contacts.values_list("email", "is_primary")) == [
        ("alma@example.org", True),
        ("alma@portgate.example", False),
    ]


def test_organization_created_after_the_check_is_used(year):
    run = check_file(row())
    existing = factories.organization("PORT GATE LOGISTICS, Inc.")
    write(run)
    assert (snapshots.organizations(), Pledge.objects.get().organization) == (["PORT GATE LOGISTICS, Inc."], existing)


@pytest.mark.slow
def test_import_handles_organizations_deleted_or_merged_after_the_check(year):
    deleted, merged = factories.organization(GATE), factories.organization("Zeta Freight")
    run = check_file(row(), row(organization="Zeta Freight"))
    signed_content = factories.organization("Omega Movers")
    merging.merge_organizations(signed_content, merged)
    deleted.delete()
    write(run)
    assert sorted(snapshots.organizations()) == ["Omega Movers", GATE]
    assert signed_content.pledges.count() == 1


def export_files(form: Callable) -> Iterator[bytes]:
    """Export the list of promises in this form as each kind of file and in each language."""
    for language in ("en", "es"):
        for kind in ("csv", "xlsx"):
            with translation.override(language):
                response = writer.export_response(form(Promise.objects.all()), f"list.{kind}", kind)
                content = b"".join(response.streaming_content)
            if kind == "xlsx":
                response.file_to_stream.close()
            yield content


def delete_and_import(content: bytes) -> None:
    """Check a file of three rows next to the existing data, and import it once that is deleted."""
    run = check_file(content=content)
    assert (problems(run), run.row_count) == ({}, 3)
    Pledge.objects.all().delete()
    Organization.objects.all().delete()
    write(check_file(content=content))


@pytest.mark.slow
def test_exported_promises_can_be_imported_again_unchanged(year):
    factories.school()
    factories.school("Edison High")
    lines = [
        row(
            grades="9-12",
            schools="Cesar Chavez High, Edison High",
            months="Oct, Mar",
            note="=1+1",
            phone="209 555 0100",
        ),
        row(kind="internships", quantity="1200"),
        row(organization="=Núñez & Peña", sector="", e_mail="", signed_by="Inés Núñez"),
    ]
    lines[2]["Organization"] = "Núñez & Peña"
    write(check_file(*lines))
    before = (all_rows(), sorted(map(str, map(snapshots.promises, Pledge.objects.all()))))
    for content in export_files(exports.promise_export):
        delete_and_import(content)
        assert (all_rows(), sorted(map(str, map(snapshots.promises, Pledge.objects.all())))) == before


# A column a kind -------------------------------------------------------------------------------------------------


def wide_csv(*lines: list[str], kinds: tuple[str, ...] = ("Host tours and field trips (visits)", "mentors")) -> bytes:
    """Return a file with one row per organization."""
    return as_csv([["Organization", "Signed by", *kinds, "Parking"], *lines])


def test_file_with_one_column_per_promise_type_is_read(year):
    run = check_file(content=wide_csv(["Port Gate", "Alma", "6", "1,200", "yes"], ["Zeta Freight", "Ben", "", "9"]))
    assert (run.state, run.row_count, run.error_count) == ("checked", 3, 0)
    assert run.format["columns"] == [
        ["Organization", "organization"],
        ["Signed by", "signed_by"],
        ["Host tours and field trips (visits)", "promise_type"],
        ["mentors", "promise_type"],
    ]
    assert run.format["ignored"] == ["Parking"]
    write(run)
    assert [(pledge.signed_by, snapshots.promised_amounts(pledge)) for pledge in Pledge.objects.order_by("pk")] == [
        ("Alma", {"tours": 6, "mentors": 1200}),
        ("Ben", {"mentors": 9}),
    ]


def test_bad_promise_type_cells_are_reported_and_empty_ones_are_no_promise(year):
    run = check_file(content=wide_csv(["Alpha", "Alma", "few", "0"], ["Beta", "Ben", "0", "–"], ["", "Chue", "1"]))
    assert problems(run) == {
        2: ["“few” isn’t a valid quantity. Use a whole number from 1 to 100,000."],
        3: ["This row has no promises. Enter a quantity for at least one promise type."],
        4: ["Enter the organization’s name."],
    }


def test_promise_type_column_in_another_unit_is_an_error(year):
    run = check_file(
        content=wide_csv(["Alpha", "Alma", "6", ""], kinds=("Host tours and field trips (hours)", "mentors"))
    )
    assert problems(run) == {
        2: ["“Host tours and field trips” is counted in visits. Convert the quantity from “hours” to visits."]
    }


def test_file_without_promise_types_or_their_columns_is_rejected(year):
    run = check_file(content=wide_csv(["Alpha", "Alma", "6", "7"], kinds=("Cakes", "Pies")))
    assert run.rejection_reason.startswith("This file is missing these columns: promise type, quantity.")


@pytest.mark.slow
def test_export_by_organization_can_be_imported_again(year):
    signed = [row(), row(kind="internships", quantity="1200"), row(organization="Núñez & Peña", signed_by="Inés")]
    write(check_file(*signed))
    before = all_rows()
    for content in export_files(exports.pledge_export):
        delete_and_import(content)
        assert all_rows() == before


# Undone ----------------------------------------------------------------------------------------------------------


def test_undo_restores_the_state_before_the_import(year):
    factories.contact(factories.organization("Zeta Freight"), "z@zeta.example")
    before = (all_rows(), AuditEntry.objects.count())
    run = write(check_file(row(), row(kind="mentors"), row(organization="Zeta Freight", e_mail="new@zeta.example")))
    assert Pledge.objects.count() == 2
    run = undo(run)
    assert (run.state, run.not_undone, run.counts["undone"]) == ("undone", [], 5)
    assert all_rows() == before[0]
    assert not CreatedRecord.objects.exists()


def test_undo_keeps_and_reports_what_was_changed_since(year):
    run = write(
        check_file(
            *[row(organization=name, e_mail=f"a@{name[0]}.example") for name in ("Alpha", "Beta", "Gamma", "Delta")]
        )
    )
    alpha, beta, gamma, _delta = (Organization.objects.get(name=name) for name in ("Alpha", "Beta", "Gamma", "Delta"))
    profiles.change_organization(profiles.lock_organization(alpha.pk), description="Moves freight.")
    token = beta.pledges.get().token
    pledge_editing.sign_pledge(
        token, **factories.pledge_data(token, factories.promise_data("tours", 9)), name="Ben Ochoa"
    )
    profiles.change_contact(gamma.contacts.get(), role="Owner")
    run = undo(run)
    assert run.not_undone == [
        ["Pledge by Beta", "changed since the import"],
        ["Contact at Beta", "still in use: pledges"],
        ["Contact at Gamma", "changed since the import"],
        ["Alpha", "changed since the import"],
        ["Beta", "still in use: contacts, pledges"],
        ["Gamma", "still in use: contacts"],
    ]
    assert sorted(snapshots.organizations()) == ["Alpha", "Beta", "Gamma"]
    assert snapshots.promised_amounts(beta.pledges.get()) == {"tours": 9}
    assert (run.counts["undone"], run.counts["stayed"]) == (6, 6)


@pytest.mark.slow
def test_undo_keeps_what_was_merged_since(year):
    run = write(check_file(row(), row(organization="Zeta Freight", kind="mentors")))
    signed_content, other = Organization.objects.order_by("pk")
    merging.merge_organizations(signed_content, other)
    run = undo(run)
    assert run.not_undone[0] == [f"Pledge by {GATE}", "changed since the import"]
    assert run.not_undone[-1][0] == GATE
    assert (snapshots.organizations(), Pledge.objects.count()) == ([GATE], 1)


@pytest.mark.slow
def test_undo_ignores_what_was_already_deleted(year):
    run = write(check_file(row()))
    pledge_editing.delete_pledge(Pledge.objects.get())
    Organization.objects.all().delete()
    run = undo(run)
    assert (run.state, run.not_undone) == ("undone", [])


@pytest.mark.slow
def test_only_the_last_import_can_be_undone_then_the_one_before(year):
    first, second = (write(check_file(row(organization=name))) for name in ("Alpha", "Beta"))
    with pytest.raises(import_workflow.ImportRefused, match="You can only undo the most recent import"):
        import_workflow.undo_import(first)
    undo(second)
    undo(first)
    assert snapshots.organizations() == []
    with pytest.raises(import_workflow.ImportRefused, match="status changed to “Undone” in the meantime"):
        import_workflow.undo_import(first)


# In steps --------------------------------------------------------------------------------------------------------


def test_failed_import_resumes_where_it_stopped(year, monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    monkeypatch.setattr(import_workflow, "SMALL_BATCH", 0)
    run = check_file(*[row(organization=f"Partner {number}") for number in range(5)])
    import_workflow.confirm_import(run)
    assert [import_workflow.run_step(run.pk), Organization.objects.count()] == [True, 2]
    monkeypatch.setattr(writing, "create_pledges", lambda *_all: 1 / 0)
    for _try in range(import_workflow.MAX_ATTEMPTS + 2):
        with pytest.raises(ZeroDivisionError) if _try < import_workflow.MAX_ATTEMPTS else NOTHING:
            import_workflow.run_steps(run.pk)
    run.refresh_from_db()
    assert (Organization.objects.count(), run.steps_done, run.attempts) == (2, 2, import_workflow.MAX_ATTEMPTS)
    monkeypatch.undo()
    import_workflow.retry_import(run)
    import_workflow.run_steps(run.pk)
    run.refresh_from_db()
    assert (run.state, run.steps_done, Organization.objects.count(), Pledge.objects.count()) == ("done", 5, 5, 5)


class Nothing:
    def __enter__(self):
        pass

    def __exit__(self, *_error):
        pass


NOTHING = Nothing()


def test_running_a_finished_import_again_changes_nothing(year):
    run = write(check_file(row()))
    before = all_rows()
    import_workflow.run_steps(run.pk)
    import_workflow.run_steps(run.pk)
    assert all_rows() == before


def test_file_that_repeatedly_fails_to_be_read_is_rejected(year, monkeypatch):
    monkeypatch.setattr(validation, "read_rows", lambda _run: 1 / 0)
    run = import_workflow.start_import(b"x", file_name="x", year=year, by="anna", language="en")
    assert (run.state, run.attempts) == ("reading", 1)
    for _try in range(5):
        import_workflow.claim_step(run.pk)
    Import.objects.update(last_step_at=timezone.now() - 2 * import_workflow.ABANDONED_AFTER)
    import_workflow.resume_abandoned_imports()
    run.refresh_from_db()
    reason = "We tried several times and couldn’t read this file. Save it again as CSV or .xlsx, then upload it."
    assert (run.state, run.rejection_reason, run.file) == ("rejected", reason, None)


def test_large_import_runs_in_a_worker(year, monkeypatch):
    sent_tasks = []
    monkeypatch.setattr("imagine.mail.dispatch.send_task", lambda task, pk: sent_tasks.append((task, pk)))
    monkeypatch.setattr(reader, "QUICK_BYTES", 10)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda function, robust: function())
    run = import_workflow.start_import(as_csv(table([row()])), file_name="x", year=year, by="anna", language="en")
    assert (run.state, sent_tasks) == ("reading", [("partners.tasks.run_import", run.pk)])
    Import.objects.update(last_step_at=timezone.now() - 2 * import_workflow.ABANDONED_AFTER)
    import_workflow.resume_abandoned_imports()
    assert sent_tasks == [("partners.tasks.run_import", run.pk)] * 2


def test_checked_import_is_discarded_after_its_lifetime(year):
    old, new = check_file(row()), check_file(row())
    Import.objects.filter(pk=old.pk).update(created_at=timezone.now() - import_workflow.CHECKED_LIFETIME)
    import_workflow.discard_stale_imports()
    assert sorted(Import.objects.values_list("state", flat=True)) == ["checked", "discarded"]
    assert set(ImportRow.objects.values_list("run", flat=True)) == {new.pk}


def test_import_is_refused_while_another_is_being_written(year):
    one, other = check_file(row()), check_file(row())
    Import.objects.filter(pk=one.pk).update(state="writing")
    with pytest.raises(import_workflow.ImportRefused, match="Another import is running"):
        import_workflow.confirm_import(other)


# A real one ------------------------------------------------------------------------------------------------------


@pytest.fixture
def schools(db):
    return [factories.school(name).name for name in ("Cesar Chavez High", "Edison High", "Stagg Senior High")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "min_promises", "delimiter", "encoding"), [(1500, 1450, ",", "utf-8-sig"), (100, 90, ";", "utf-8")]
)
def test_messy_file_of_many_organizations(year, schools, rows, min_promises, delimiter, encoding):
    """In a realistic file every invalid line is found, everything else is written once, a second run changes nothing,
    and undoing removes everything."""
    lines, invalid = messy_table(rows, schools=schools)
    content = as_csv(lines, delimiter, encoding)
    run = check_file(content=content)
    assert (run.state, run.row_count) == ("checked", len(lines) - 1)
    assert set(problems(run)) == set(invalid)
    run = write(run, skip_errors=True)
    existing = (Organization.objects.count(), Promise.objects.count())
    assert existing == (run.counts["organizations"], len(lines) - 1 - len(invalid))
    assert min_promises < existing[0] <= rows
    assert Signature.objects.count() == Pledge.objects.count() == existing[0]
    repeated = write(check_file(content=content), skip_errors=True)
    assert (Organization.objects.count(), Promise.objects.count()) == existing
    assert repeated.counts["left"] == existing[0]
    undo(repeated)
    run.refresh_from_db()
    undo(run)
    assert (Organization.objects.count(), Contact.objects.count(), Pledge.objects.count()) == (0, 0, 0)
