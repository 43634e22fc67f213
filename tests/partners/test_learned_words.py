"""Words that staff teach from the page of a file: headings, nicknames of promise types and schools."""

import pytest

from partners.imports import workflow
from partners.imports.learned_words import learn_headings, learned_headings
from partners.models import Import, LearnedWord, PromiseType
from tests import factories, web_client
from tests.web_client import staff_client

pytestmark = pytest.mark.django_db

LIST = "Who gives,What they do,How often,Contact,Campus\nDelta Books,Reading buddies,3,Alma Reyes,The Castle\n"
KNOWN = "Organization,Promise,How many,Contact,Schools\nDelta Books,Reading buddies,3,Alma Reyes,The Castle\n"


def check(content: str) -> Import:
    return workflow.start_import(
        content.encode(), file_name="list.csv", year=factories.pledge_year(), by="anna", language="en"
    )


def url(run: Import) -> str:
    return f"/imagine/admin/partners/import/{run.pk}/change/"


@pytest.fixture
def staff(db):
    return staff_client("view_import", "add_import", "view_learnedword", "delete_learnedword")


def test_columns_are_matched_by_hand_and_remembered(staff):
    run = check(LIST)
    assert run.state == Import.State.REJECTED
    page = staff.get(url(run))
    assert "This file is missing these columns: organization, promise type, quantity." in web_client.page_text(page)
    chosen = {"column-0": "organization", "column-1": "promise_type", "column-2": "quantity", "column-4": "schools"}
    page = staff.post(url(run), web_client.form_fields(page) | chosen | {"choose": "1"}, follow=True)
    assert "We read the file again and will remember your choices." in web_client.page_text(page)
    run.refresh_from_db()
    assert (run.state, run.row_count) == (Import.State.CHECKED, 1)
    assert ["Who gives", "organization"] in run.format["columns"]
    again = check(LIST)
    assert (again.state, again.format["columns"]) == (Import.State.CHECKED, run.format["columns"])
    assert learned_headings("promises")["whogives"] == "organization"


def test_words_are_taught_from_the_page_that_refused_them(staff):
    castle = factories.school("Stagg Senior High")
    run = check(KNOWN)
    page = staff.get(url(run))
    assert run.format["unknown"] == {"promise_type": ["Reading buddies"], "school": ["The Castle"]}
    mentors = PromiseType.objects.get(code="mentors")
    answers = {"promise_type-0": mentors.pk, "school-0": castle.pk, "teach": "1"}
    page = staff.post(url(run), web_client.form_fields(page) | answers, follow=True)
    assert "Words saved. We checked the file again." in web_client.page_text(page)
    for each in (run, check(KNOWN)):
        each.refresh_from_db()
        assert (each.error_count, each.format["unknown"]) == (0, {"promise_type": [], "school": []})
    [row] = run.rows.all()
    assert (row.values["promise_type"], row.values["schools"]) == (mentors.pk, [castle.pk])


def test_learned_words_are_listed_and_removed(staff):
    learn_headings("promises", {"Who gives": "organization", "Shoe size": ""})
    page = web_client.page_text(staff.get("/imagine/admin/partners/learnedword/"))
    assert "Who gives Column heading in lists of promises organization" in page
    assert "Shoe size Column heading in lists of promises Skip this column" in page
    word = LearnedWord.objects.get(word="Who gives")
    staff.post(f"/imagine/admin/partners/learnedword/{word.pk}/delete/", {"post": "yes"})
    assert list(LearnedWord.objects.values_list("word", flat=True)) == ["Shoe size"]


def test_column_of_a_promise_type_is_matched_by_hand(staff):
    run = check("Organization,Contact,Buddies\nDelta Books,Alma Reyes,3\n")
    mentors = PromiseType.objects.get(code="mentors")
    chosen = {"column-2": f"type-{mentors.pk}", "choose": "1"}
    staff.post(url(run), web_client.form_fields(staff.get(url(run))) | chosen)
    [row] = run.rows.all()
    assert (row.errors, row.values["promise_type"], row.values["quantity"]) == ([], mentors.pk, 3)


def test_file_is_forgotten_once_it_is_imported_or_discarded():
    run = check("Organization,Promise,How many,Contact\nDelta Books,tours,3,Alma Reyes\n")
    other = check(KNOWN)
    workflow.confirm_import(run)
    workflow.discard_import(other)
    assert list(Import.objects.values_list("file", flat=True)) == [None, None]
    with pytest.raises(workflow.ImportRefused):
        workflow.read_import_again(run, fields={})


@pytest.mark.parametrize("data", [{"column-0": "drop table"}, {"column-99": "email"}, {"sheet": "Other"}, {}])
def test_choices_that_the_page_does_not_offer_change_nothing(staff, data):
    run = check(KNOWN)
    columns = run.format["columns"]
    staff.post(url(run), data | {"choose": "1"})
    run.refresh_from_db()
    assert (run.format["columns"], LearnedWord.objects.count()) == (columns, 0)


def test_template_can_be_filled_in_and_uploaded(staff):
    page = staff.get("/imagine/admin/partners/import/template/")
    run = workflow.start_import(
        b"".join(page.streaming_content), file_name="t.xlsx", year=factories.pledge_year(), by="anna", language="en"
    )
    assert (run.state, run.row_count, run.error_count, run.format["ignored"]) == ("checked", 1, 0, [])
