"""Last year's spreadsheet: read, checked, written, written twice, and taken back."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.utils import timezone, translation

from imagine.core.models import AuditEntry
from imagine.core.spreadsheets import writer
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


def begin(*rows: dict, header: list[str] | None = None, content: bytes | None = None, **fields) -> Import:
    """A file that is read and checked, whatever its size."""
    content = as_csv(table(list(rows), header)) if content is None else content
    run = import_workflow.start_import(
        content, **({"file_name": "list.csv", "year": factories.pledge_year(), "by": "anna", "language": "en"} | fields)
    )
    return worked(run)


def worked(run: Import) -> Import:
    """Workers have been at it until there was nothing left to do."""
    run.refresh_from_db()
    while run.is_in_progress:
        import_workflow.run_steps(run.pk)
        run.refresh_from_db()
    return run


def write(run: Import, **fields) -> Import:
    import_workflow.confirm_import(run, **fields)
    return worked(run)


def undo(run: Import) -> Import:
    import_workflow.undo_import(run)
    return worked(run)


def problems(run: Import) -> dict[int, list[str]]:
    return {bad.line: bad.errors for bad in validation.rows_with_errors(run)}


def everything() -> tuple:
    """What there is of partners, without keys and times."""
    return (
        sorted(Organization.objects.values_list("name", "sector", "slug")),
        sorted(Contact.objects.values_list("organization__name", "name", "email", "is_primary")),
        sorted(Pledge.objects.values_list("organization__name", "year", "version", "signed_by")),
        sorted(Promise.objects.values_list("pledge__organization__name", "promise_type__code", "quantity", "note")),
        Signature.objects.count(),
    )


# Read and checked ------------------------------------------------------------------------------------------------


def test_checking_a_file_writes_nothing(year):
    run = begin(row(), row(kind="mentors", quantity="12"), row(organization="Zeta Freight", e_mail="z@zeta.example"))
    assert (run.state, run.row_count, run.error_count, run.file) == ("checked", 3, 0, None)
    assert [(one.name, one.is_new, one.line) for one in run.organizations.order_by("pk")] == [
        (GATE, True, 2),
        ("Zeta Freight", True, 4),
    ]
    assert everything() == ([], [], [], [], 0)


@pytest.mark.parametrize(
    ("delimiter", "encoding", "how"),
    [
        (",", "utf-8-sig", {"encoding": "UTF-8", "delimiter": "comma"}),
        (";", "cp1252", {"encoding": "Windows-1252", "delimiter": "semicolon"}),
        (";", "latin-1", {"encoding": "Windows-1252", "delimiter": "semicolon"}),
        ("\t", "utf-16", {"encoding": "UTF-16", "delimiter": "tab"}),
    ],
)
def test_csv_delimiter_and_encoding_are_detected(year, delimiter, encoding, how):
    lines = table([row(organization="Peña & Núñez", note="Año")])
    run = write(begin(content=as_csv(lines, delimiter, encoding)))
    assert how.items() <= run.format.items()
    assert everything()[0] == [("Peña & Núñez", "business", "pena-nunez")]
    assert Promise.objects.get().note == "Año"


def test_xlsx(year):
    lines = table([row(quantity=6, signed_on=date(2026, 4, 2))])
    run = write(begin(content=as_xlsx([["Partners of last year"], [], *lines])))
    assert (run.format["kind"], run.format["sheet"]) == ("xlsx", "Partners")
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6}


def test_columns_are_matched_by_name_and_shown(year):
    header = ["Company", "Commitment", "T-shirts", "How many", "E-Mail", "Contact person"]
    lines = [header, [GATE, "mentors", "XL", "12", "alma@example.org", "Alma Reyes"]]
    run = begin(content=as_csv(lines))
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
        (b"", "The file is empty."),
        (as_csv([HEADER]), "There is no row below the headings."),
        (
            as_csv([["Organization", "Promise"], ["A", "tours"]]),
            "There is no column for: quantity. The headings found are: ",
        ),
        (as_csv([["a", "b"], ["1", "2"]]), "There is no column for: organization, kind, quantity. The headings found"),
        (b"MZ\x90\0" + b"\0" * 99, "This is neither a CSV nor an XLSX file."),
        (as_xlsx(table([row()]))[:300], "This XLSX file is damaged, or another kind of file under its name."),
        (b'Organization,Kind,Quantity\nA,"tours,1\n', "Line 2 cannot be read: its quotation marks do not match."),
    ],
)
def test_unreadable_file_is_rejected_with_a_reason(year, content, reason):
    run = begin(content=content)
    assert (run.state, run.file, run.rows.count()) == ("rejected", None, 0)
    assert run.rejection_reason.startswith(reason)


def test_rejection_reason_is_in_the_language_of_the_sender(year):
    with translation.override("es"):
        expected = translation.gettext("The file is empty.")
    assert begin(content=b"", language="es").rejection_reason == expected


def test_each_bad_row_is_reported_with_its_line_and_all_errors(year):
    run = begin(
        row(),
        row(organization="Zeta", kind="bus", quantity="0", e_mail="z@"),
        row(organization="Omega", sector="Circus"),
        {},
        row(kind="host tours & field trips", quantity="9"),
        row(organization="PORT  GATE logistics, Inc.", kind="tours"),
        row(organization="=cmd|' /C calc'!A0"),
    )
    found = problems(run)
    assert list(found) == [3, 4, 6, 7, 8]
    assert found[3] == [
        "“z@” is no e-mail address.",
        "“bus” is no kind of promise that we know.",
        "“0” is no whole number from 1 to 100,000.",
    ]
    assert found[4][0].startswith("“Circus” is no sector.")
    doubled = ["Doubled: line 2 has this kind of promise of this organization already."]
    assert found[6] == found[7] == doubled
    assert "looks like a formula" in found[8][0]
    assert (run.row_count, run.error_count) == (6, 5)


def test_file_with_too_many_rows_is_rejected(year, monkeypatch):
    monkeypatch.setattr(validation, "MAX_ROWS", 3)
    run = begin(*[row(organization=f"Partner {number}") for number in range(4)])
    assert run.rejection_reason == "It has more than 3 rows. Split it into files of fewer rows."
    assert (run.state, ImportRow.objects.count()) == ("rejected", 0)


def test_row_of_another_school_year_is_an_error(year):
    run = begin(row(school_year="2027–28"), row(organization="Zeta", school_year="2025"))
    assert problems(run) == {3: ["The row is of the school year 2025, not of 2027–28."]}


# Which organization ----------------------------------------------------------------------------------------------


def test_organization_with_the_same_name_is_used_without_asking(year):
    there = factories.organization("The Port Gate Logistics, Inc.")
    run = begin(row())
    [typed] = run.organizations.all()
    assert (typed.organization, typed.is_new, typed.needs_review) == (there, False, False)
    write(run)
    assert snapshots.organizations() == ["The Port Gate Logistics, Inc."]
    assert Pledge.objects.get().organization == there


def test_import_asks_about_a_similar_name_and_uses_the_answer(year):
    there = factories.organization("Port Gate Logistic Group")
    run = begin(row())
    [typed] = validation.organizations_to_review(run)
    assert (typed.existing_matches, typed.organization, typed.is_new) == (
        [[there.pk, 59, ["similar_name"]]],
        None,
        True,
    )
    import_workflow.answer_questions(run, {typed.pk: OrganizationChoice(there.pk)})
    write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group"]


def test_same_email_and_similar_name_preselects_the_existing_organization(year):
    there = factories.organization("Port Gate Logistic Group")
    factories.contact(there, "Alma@portgate.example")
    run = begin(row())
    [typed] = validation.organizations_to_review(run)
    assert (typed.organization, typed.is_new) == (there, False)
    import_workflow.answer_questions(run, {typed.pk: OrganizationChoice()})
    write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group", GATE]


def test_import_asks_which_of_two_organizations_with_the_same_name(year):
    first, second = factories.organization(GATE), factories.organization(f"{GATE}, Inc.")
    factories.contact(second, "alma@portgate.example")
    [typed] = validation.organizations_to_review(begin(row()))
    assert (typed.organization, [pk for pk, *_why in typed.existing_matches]) == (second, [second.pk, first.pk])


def test_only_a_proposed_organization_can_be_chosen(year):
    factories.organization("Port Gate Logistic Group")
    other = factories.organization("Zeta Freight")
    run = begin(row())
    [typed] = validation.organizations_to_review(run)
    import_workflow.answer_questions(run, {typed.pk: OrganizationChoice(other.pk), 999_999: OrganizationChoice()})
    typed.refresh_from_db()
    assert typed.is_new


def test_names_answered_as_the_same_organization_make_one_pledge(year):
    there = factories.organization("Port Gate Logistic Group")
    run = begin(
        row(), row(organization="Port Gate Logistics Grp", kind="mentors"), row(organization="Port Gate Logistic")
    )
    import_workflow.answer_questions(run, {typed.pk: OrganizationChoice(there.pk) for typed in run.organizations.all()})
    write(run)
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": 6, "mentors": 6}
    assert run.counts["left_names"] == ["Port Gate Logistic Group"]


# Twins in one file -----------------------------------------------------------------------------------------------


def apart(number: int, **cells) -> dict:
    """A row whose contact is nobody else's."""
    return row(**({"e_mail": f"p{number}@p{number}.example"} | cells))


def asked(run: Import) -> list[tuple]:
    """Who is asked about, which lines it may be and why, and what is chosen for it."""
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
    run = begin(row(), apart(2, organization="Zeta Freight"), apart(3, **cells))
    assert asked(run) == [(4, [(2, reasons)], chosen)]
    assert everything() == ([], [], [], [], 0)


def test_website_and_email_domain_reveal_a_duplicate_in_the_file(year):
    header = [*HEADER, "Website"]
    rows = [row(), row(organization="Alma’s Freight", e_mail="ben@portgate.example")]
    run = begin(*[one | {"Website": "https://portgate.example"} for one in rows], header=header)
    assert asked(run) == [(3, [(2, ["website", "email_domain"])], None)]


def test_widely_shared_emails_and_domains_are_not_match_reasons(year):
    names = ["Delta", "Port", "Valley", "Tule", "Sierra", "Cold"]
    assert asked(begin(*[row(organization=f"{name} {name[::-1]}") for name in names])) == []
    freemail = [row(organization=name * 2, e_mail=f"{name}@gmail.com") for name in names]
    assert asked(begin(*freemail)) == []


def test_import_does_not_ask_about_duplicates_that_already_exist(year):
    for name in (GATE, "Port Gate Logistic"):
        factories.organization(name)
    assert asked(begin(row(), row(organization="Port Gate Logistic"))) == []


def test_confirmed_duplicates_in_the_file_make_one_organization(year):
    run = begin(
        row(sector=""),
        apart(2, organization="Port Gate Logistic", kind="mentors", quantity="9"),
        apart(3, organization="Port Gate Logisti", kind="tours", quantity="7"),
        apart(4, organization="Zeta Freight"),
    )
    import_workflow.answer_questions(
        run, {typed.pk: OrganizationChoice(line=typed.line - 1) for typed in validation.organizations_to_review(run)}
    )
    assert [each[2] for each in asked(run)] == [2, 3]
    run = write(run)
    assert snapshots.organizations() == [GATE, "Zeta Freight"]
    gate = Organization.objects.get(name=GATE)
    assert gate.sector == "business"  # the first that says one
    assert snapshots.promised_amounts(gate.pledges.get()) == {"tours": 6, "mentors": 9}  # the first of a kind counts
    assert gate.contacts.count() == 3
    assert (run.steps_done, run.counts["organizations"], run.counts["left_names"]) == (4, 2, [GATE])
    undo(run)
    assert everything() == ([], [], [], [], 0)


@pytest.mark.slow
def test_duplicate_of_a_matched_row_uses_its_organization_across_batches(year, monkeypatch):
    there = factories.organization(GATE)
    monkeypatch.setattr(writing, "BATCH_SIZE", 1)
    rows = [apart(number, organization=f"{name} {name[::-1]}") for number, name in enumerate(["Delta", "Tule"])]
    run = begin(row(organization="Port Gate Logistc"), *rows, row(organization="Port Gate Logistic", kind="mentors"))
    first, last = validation.organizations_to_review(run)
    import_workflow.answer_questions(
        run, {first.pk: OrganizationChoice(there.pk), last.pk: OrganizationChoice(line=first.line)}
    )
    write(run)
    assert snapshots.promised_amounts(there.pledges.get()) == {"tours": 6, "mentors": 6}
    assert Organization.objects.count() == 3


def test_only_a_proposed_line_can_be_chosen(year):
    run = begin(row(), apart(2, organization="Zeta Freight"), apart(3, organization="Port Gate Logistic"))
    [typed] = validation.organizations_to_review(run)
    for line in (3, 4, 99):
        import_workflow.answer_questions(run, {typed.pk: OrganizationChoice(line=line)})
    assert asked(run)[0][2] is None


def test_duplicates_answered_as_new_make_two_organizations(year):
    run = begin(row(), row(organization="Port Gate Logistic"))
    [typed] = validation.organizations_to_review(run)
    assert typed.duplicate_of_line == 2
    import_workflow.answer_questions(run, {typed.pk: OrganizationChoice()})
    write(run)
    assert sorted(snapshots.organizations()) == ["Port Gate Logistic", GATE]


# Written ---------------------------------------------------------------------------------------------------------


def test_imported_pledge_has_the_signer_and_date_from_the_sheet(year):
    factories.school()
    run = write(
        begin(
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
    write(begin(row(contact="Alma Reyes", signed_by="Alma Reyes")))
    other = factories.signed_pledge("Zeta Freight", promises=(factories.promise_data("tours", 6),))
    kept = [pledge.signatures.get().content for pledge in (Pledge.objects.get(organization__name=GATE), other)]
    assert kept[0] | {"organization": "", "sector": ""} == kept[1] | {"organization": "", "sector": ""}


def test_signature_date_defaults_to_the_opening_date_of_the_school_year(year):
    write(begin(row(signed_on="")))
    assert timezone.localdate(Pledge.objects.get().signed_at) == year.opens_on


def test_history_shows_who_imported_what(year):
    write(begin(row()))
    pledge = Pledge.objects.get()
    change = AuditEntry.objects.about(pledge).get()
    assert (change.actor_kind, change.actor_name, change.reason) == ("staff", "anna", "list.csv")
    assert change.changes == {
        "signed_by": ["", "Alma Reyes"],
        "Host tours and field trips": ["", "6 visits; wherever it is needed most"],
    }
    assert snapshots.changes(pledge.organization) == [{"name": ["", GATE]}]


def test_bad_rows_are_skipped_only_when_staff_confirm(year):
    run = begin(row(), row(organization="Zeta", quantity="0"))
    with pytest.raises(import_workflow.ImportRefused, match="There are bad rows"):
        import_workflow.confirm_import(run)
    assert everything() == ([], [], [], [], 0)
    write(run, skip_errors=True)
    assert snapshots.organizations() == [GATE]


def test_import_with_only_bad_rows_is_refused(year):
    run = begin(row(quantity="0"))
    with pytest.raises(import_workflow.ImportRefused, match="no row that can be written"):
        import_workflow.confirm_import(run, skip_errors=True)


def test_rows_are_kept_only_until_they_are_written(year):
    run = begin(row(), row(organization="Zeta", quantity="0"))
    assert (ImportRow.objects.count(), ImportedOrganization.objects.count()) == (2, 1)
    write(run, skip_errors=True)
    assert (ImportRow.objects.count(), ImportedOrganization.objects.count()) == (0, 0)


def test_discarded_import_writes_nothing_and_keeps_no_rows(year):
    run = begin(row())
    import_workflow.discard_import(run)
    assert (Import.objects.get().state, ImportRow.objects.count(), everything()[0]) == ("discarded", 0, [])
    for act in (import_workflow.confirm_import, import_workflow.discard_import, import_workflow.undo_import):
        with pytest.raises(import_workflow.ImportRefused, match="not as you saw it any more: dropped"):
            act(run)


def test_import_into_a_closed_year_accepts_a_retired_promise_type(year):
    factories.close_year()
    PromiseType.objects.filter(code="tours").update(is_retired=True)
    write(begin(row()))
    assert Pledge.objects.get().state == "closed"


def test_next_years_pledge_starts_from_the_imported_promises(year):
    write(begin(row(quantity="6")))
    factories.close_year()
    factories.pledge_year(2028)
    sheet = page_state.load_page_state(Pledge.objects.get().token)
    assert (sheet.pledge, [one.quantity for one in sheet.promises]) == (None, [6])


# Twice -----------------------------------------------------------------------------------------------------------


def test_importing_the_same_file_twice_changes_nothing(year):
    lines = [row(), row(kind="mentors"), row(organization="Zeta Freight", e_mail="z@zeta.example")]
    write(begin(*lines))
    before = everything()
    again = write(begin(*lines))
    assert everything() == before
    assert again.counts == {
        "taken": 2,
        "organizations": 0,
        "contacts": 0,
        "left": 2,
        "left_names": [GATE, "Zeta Freight"],
        "pledges": 0,
        "promises": 0,
    }
    assert not again.created_records.exists()


@pytest.mark.slow
def test_importing_twice_creates_a_new_similar_organization_once(year):
    factories.organization("Port Gate Logistic Group")
    for _time in range(2):
        run = begin(row())
        import_workflow.answer_questions(run, {typed.pk: None for typed in validation.organizations_to_review(run)})
        write(run)
    assert snapshots.organizations() == ["Port Gate Logistic Group", GATE]


def test_existing_pledge_of_a_partner_is_unchanged(year):
    pledge = factories.signed_pledge(GATE, promises=(factories.promise_data("tours", 2),))
    run = write(begin(row(quantity="6"), row(kind="mentors")))
    assert (snapshots.promised_amounts(pledge), run.counts["left_names"]) == ({"tours": 2}, [GATE])
    assert sorted(pledge.organization.contacts.values_list("email", "is_primary")) == [
        ("alma@example.org", True),
        ("alma@portgate.example", False),
    ]


def test_organization_created_after_the_check_is_used(year):
    run = begin(row())
    there = factories.organization("PORT GATE LOGISTICS, Inc.")
    write(run)
    assert (snapshots.organizations(), Pledge.objects.get().organization) == (["PORT GATE LOGISTICS, Inc."], there)


@pytest.mark.slow
def test_import_handles_organizations_deleted_or_merged_after_the_check(year):
    gone, merged = factories.organization(GATE), factories.organization("Zeta Freight")
    run = begin(row(), row(organization="Zeta Freight"))
    kept = factories.organization("Omega Movers")
    merging.merge_organizations(kept, merged)
    gone.delete()
    write(run)
    assert sorted(snapshots.organizations()) == ["Omega Movers", GATE]
    assert kept.pledges.count() == 1


def taken_away(form: Callable) -> Iterator[bytes]:
    """The list of promises in this form, as each kind of file and in each language."""
    for language in ("en", "es"):
        for kind in ("csv", "xlsx"):
            with translation.override(language):
                response = writer.export_response(form(Promise.objects.all()), f"list.{kind}", kind)
                content = b"".join(response.streaming_content)
            if kind == "xlsx":
                response.file_to_stream.close()
            yield content


def import_instead(content: bytes) -> None:
    """Reads a file of three rows beside what is there, and writes it once that is gone."""
    run = begin(content=content)
    assert (problems(run), run.row_count) == ({}, 3)
    Pledge.objects.all().delete()
    Organization.objects.all().delete()
    write(begin(content=content))


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
    write(begin(*lines))
    before = (everything(), sorted(map(str, map(snapshots.promises, Pledge.objects.all()))))
    for content in taken_away(exports.promise_export):
        import_instead(content)
        assert (everything(), sorted(map(str, map(snapshots.promises, Pledge.objects.all())))) == before


# A column a kind -------------------------------------------------------------------------------------------------


def wide(*lines: list[str], kinds: tuple[str, ...] = ("Host tours and field trips (visits)", "mentors")) -> bytes:
    """A file with a row an organization."""
    return as_csv([["Organization", "Signed by", *kinds, "Parking"], *lines])


def test_file_with_one_column_per_promise_type_is_read(year):
    run = begin(content=wide(["Port Gate", "Alma", "6", "1,200", "yes"], ["Zeta Freight", "Ben", "", "9"]))
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
    run = begin(content=wide(["Alpha", "Alma", "few", "0"], ["Beta", "Ben", "0", "–"], ["", "Chue", "1"]))
    assert problems(run) == {
        2: ["“few” is no whole number from 1 to 100,000."],
        3: ["No promise stands in this line."],
        4: ["The organization is missing."],
    }


def test_promise_type_column_in_another_unit_is_an_error(year):
    run = begin(content=wide(["Alpha", "Alma", "6", ""], kinds=("Host tours and field trips (hours)", "mentors")))
    assert problems(run) == {2: ["“Host tours and field trips” is counted in visits, not in “hours”."]}


def test_file_without_promise_types_or_their_columns_is_rejected(year):
    run = begin(content=wide(["Alpha", "Alma", "6", "7"], kinds=("Cakes", "Pies")))
    assert run.rejection_reason.startswith("There is no column for: kind, quantity.")


@pytest.mark.slow
def test_export_by_organization_can_be_imported_again(year):
    signed = [row(), row(kind="internships", quantity="1200"), row(organization="Núñez & Peña", signed_by="Inés")]
    write(begin(*signed))
    before = everything()
    for content in taken_away(exports.pledge_export):
        import_instead(content)
        assert everything() == before


# Undone ----------------------------------------------------------------------------------------------------------


def test_undo_restores_the_state_before_the_import(year):
    factories.contact(factories.organization("Zeta Freight"), "z@zeta.example")
    before = (everything(), AuditEntry.objects.count())
    run = write(begin(row(), row(kind="mentors"), row(organization="Zeta Freight", e_mail="new@zeta.example")))
    assert Pledge.objects.count() == 2
    run = undo(run)
    assert (run.state, run.not_undone, run.counts["undone"]) == ("undone", [], 5)
    assert everything() == before[0]
    assert not CreatedRecord.objects.exists()


def test_undo_keeps_and_reports_what_was_changed_since(year):
    run = write(
        begin(*[row(organization=name, e_mail=f"a@{name[0]}.example") for name in ("Alpha", "Beta", "Gamma", "Delta")])
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
        ["Pledge of Beta", "it was changed since"],
        ["Contact of Beta", "it has: pledges"],
        ["Contact of Gamma", "it was changed since"],
        ["Alpha", "it was changed since"],
        ["Beta", "it has: contacts, pledges"],
        ["Gamma", "it has: contacts"],
    ]
    assert sorted(snapshots.organizations()) == ["Alpha", "Beta", "Gamma"]
    assert snapshots.promised_amounts(beta.pledges.get()) == {"tours": 9}
    assert (run.counts["undone"], run.counts["stayed"]) == (6, 6)


@pytest.mark.slow
def test_undo_keeps_what_was_merged_since(year):
    run = write(begin(row(), row(organization="Zeta Freight", kind="mentors")))
    kept, other = Organization.objects.order_by("pk")
    merging.merge_organizations(kept, other)
    run = undo(run)
    assert run.not_undone[0] == [f"Pledge of {GATE}", "it was changed since"]
    assert run.not_undone[-1][0] == GATE
    assert (snapshots.organizations(), Pledge.objects.count()) == ([GATE], 1)


@pytest.mark.slow
def test_undo_ignores_what_was_already_deleted(year):
    run = write(begin(row()))
    pledge_editing.delete_pledge(Pledge.objects.get())
    Organization.objects.all().delete()
    run = undo(run)
    assert (run.state, run.not_undone) == ("undone", [])


@pytest.mark.slow
def test_only_the_last_import_can_be_undone_then_the_one_before(year):
    first, second = (write(begin(row(organization=name))) for name in ("Alpha", "Beta"))
    with pytest.raises(import_workflow.ImportRefused, match="Only the last import can be undone"):
        import_workflow.undo_import(first)
    undo(second)
    undo(first)
    assert snapshots.organizations() == []
    with pytest.raises(import_workflow.ImportRefused, match="not as you saw it any more: undone"):
        import_workflow.undo_import(first)


# In steps --------------------------------------------------------------------------------------------------------


def test_failed_import_resumes_where_it_stopped(year, monkeypatch):
    monkeypatch.setattr(writing, "BATCH_SIZE", 2)
    monkeypatch.setattr(import_workflow, "SMALL_BATCH", 0)
    run = begin(*[row(organization=f"Partner {number}") for number in range(5)])
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
    run = write(begin(row()))
    before = everything()
    import_workflow.run_steps(run.pk)
    import_workflow.run_steps(run.pk)
    assert everything() == before


def test_file_that_repeatedly_fails_to_be_read_is_rejected(year, monkeypatch):
    monkeypatch.setattr(validation, "read_rows", lambda _run: 1 / 0)
    run = import_workflow.start_import(b"x", file_name="x", year=year, by="anna", language="en")
    assert (run.state, run.attempts) == ("reading", 1)
    for _try in range(5):
        import_workflow.claim_step(run.pk)
    Import.objects.update(last_step_at=timezone.now() - 2 * import_workflow.ABANDONED_AFTER)
    import_workflow.resume_abandoned_imports()
    run.refresh_from_db()
    assert (run.state, run.rejection_reason, run.file) == ("rejected", "Reading it failed again and again.", None)


def test_large_import_runs_in_a_worker(year, monkeypatch):
    sent_tasks = []
    monkeypatch.setattr("imagine.mail.dispatch.send_task", lambda task, pk: sent_tasks.append((task, pk)))
    monkeypatch.setattr(import_workflow, "SMALL_FILE_SIZES", {"csv": 10})
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act, robust: act())
    run = import_workflow.start_import(as_csv(table([row()])), file_name="x", year=year, by="anna", language="en")
    assert (run.state, sent_tasks) == ("reading", [("partners.tasks.run_import", run.pk)])
    Import.objects.update(last_step_at=timezone.now() - 2 * import_workflow.ABANDONED_AFTER)
    import_workflow.resume_abandoned_imports()
    assert sent_tasks == [("partners.tasks.run_import", run.pk)] * 2


def test_checked_import_is_discarded_after_its_lifetime(year):
    old, new = begin(row()), begin(row())
    Import.objects.filter(pk=old.pk).update(created_at=timezone.now() - import_workflow.CHECKED_LIFETIME)
    import_workflow.discard_stale_imports()
    assert sorted(Import.objects.values_list("state", flat=True)) == ["checked", "discarded"]
    assert set(ImportRow.objects.values_list("run", flat=True)) == {new.pk}


def test_import_is_refused_while_another_is_being_written(year):
    one, other = begin(row()), begin(row())
    Import.objects.filter(pk=one.pk).update(state="writing")
    with pytest.raises(import_workflow.ImportRefused, match="Another import is at work"):
        import_workflow.confirm_import(other)


# A real one ------------------------------------------------------------------------------------------------------


@pytest.fixture
def schools(db):
    return [factories.school(name).name for name in ("Cesar Chavez High", "Edison High", "Stagg Senior High")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "least", "delimiter", "encoding"), [(1500, 1450, ",", "utf-8-sig"), (100, 90, ";", "utf-8")]
)
def test_messy_file_of_many_organizations(year, schools, rows, least, delimiter, encoding):
    """As an office kept it for years: every bad line is found and named, everything else is written once, a second run
    changes nothing, and undoing takes it all back."""
    lines, bad = messy_table(rows, schools=schools)
    content = as_csv(lines, delimiter, encoding)
    run = begin(content=content)
    assert (run.state, run.row_count) == ("checked", len(lines) - 1)
    assert set(problems(run)) == set(bad)
    run = write(run, skip_errors=True)
    there = (Organization.objects.count(), Promise.objects.count())
    assert there == (run.counts["organizations"], len(lines) - 1 - len(bad))
    assert least < there[0] <= rows
    assert Signature.objects.count() == Pledge.objects.count() == there[0]
    again = write(begin(content=content), skip_errors=True)
    assert (Organization.objects.count(), Promise.objects.count()) == there
    assert again.counts["left"] == there[0]
    undo(again)
    run.refresh_from_db()
    undo(run)
    assert (Organization.objects.count(), Contact.objects.count(), Pledge.objects.count()) == (0, 0, 0)
