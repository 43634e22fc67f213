"""Several promises of one type in a pledge: two tours at Edison in October, and three anywhere in May."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.http import urlencode

from imagine.mail.models import Message
from partners import certificates, exports
from partners.coverage import coverage_of
from partners.forms.pledge_answers import PledgeAnswers
from partners.models import Pledge, Promise, PromiseType
from partners.pledges import editing as pledge_editing
from partners.pledges import page_state
from partners.pledges.promises import PromiseData
from tests import factories, snapshots, web_client
from tests.partners.import_files import row
from tests.partners.pledge_form import pledge_url, selected, send, submit, untouched
from tests.partners.test_imports import check_file, problems, undo, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def edison():
    return factories.school("Edison High")


def tours(edison, at_edison: int = 2, anywhere: int = 3) -> tuple[PromiseData, PromiseData]:
    return (
        factories.promise_data("tours", at_edison, schools=(edison,), months=(10,)),
        factories.promise_data("tours", anywhere, months=(5,), note="Wear sturdy shoes."),
    )


def amounts(pledge) -> list[tuple[int, int]]:
    return list(pledge.promises.values_list("position", "quantity"))


def type_pk(code: str = "tours") -> int:
    return PromiseType.objects.get(code=code).pk


# Page ------------------------------------------------------------------------------------------------------------


def test_another_promise_of_a_type_is_added_and_saved_without_scripts(edison):
    token, client = factories.pledge_request().token, Client()
    data = untouched(token, client) | selected("tours", "2", schools=(edison,), months=["10"])
    response = client.post(pledge_url(token), data | {"add": str(type_pk())})
    page = web_client.page_text(response)
    assert (response.status_code, Promise.objects.count()) == (200, 0)
    assert "Promise 1" in page
    assert "Promise 2" in page
    assert web_client.page_title(response) == "What will you promise for 2027–28?"
    form = web_client.form_fields(response)
    name = f"promise-{type_pk()}"
    assert (form[f"{name}-quantity"], form[f"{name}-2-quantity"]) == ("2", "")
    second = {f"{name}-2-quantity": "3", f"{name}-2-months": ["5"]}
    assert send(token, form, second, client=client).status_code == 302
    pledge = Pledge.objects.get()
    assert [promise.quantity for promise in page_state.load_page_state(token).promises] == [2, 3]
    assert amounts(pledge) == [(1, 2), (2, 3)]
    assert [list(promise.schools.all()) for promise in pledge.promises.all()] == [[edison], []]


def test_adding_keeps_what_was_typed_and_shows_no_errors():
    token, client = factories.pledge_request().token, Client()
    typed = selected("tours", "many") | {"name": "", "sign-name": "Ben", "contact-phone": "(209) 555-0100"}
    response = client.post(pledge_url(token), untouched(token, client) | typed | {"add": str(type_pk())})
    form = web_client.form_fields(response)
    assert (form[f"promise-{type_pk()}-quantity"], form["name"]) == ("many", "")
    assert (form["sign-name"], form["contact-phone"]) == ("Ben", "(209) 555-0100")
    assert "error-summary" not in response.content.decode()


def test_promise_of_a_type_is_removed(edison):
    pledge = factories.draft_pledge(promises=tours(edison))
    client = Client()
    response = client.post(pledge_url(pledge.token), untouched(pledge.token, client) | {"remove": f"{type_pk()}-1"})
    form = web_client.form_fields(response)
    assert form[f"promise-{type_pk()}-quantity"] == "3"
    assert f"promise-{type_pk()}-2-quantity" not in form
    assert amounts(pledge) == [(1, 2), (2, 3)]
    assert send(pledge.token, form, client=client).status_code == 302
    assert amounts(pledge) == [(1, 3)]
    [left] = pledge.promises.all()
    assert (list(left.schools.all()), left.months, left.note) == ([], [5], "Wear sturdy shoes.")


def test_last_promise_of_a_type_is_removed_by_clearing_its_checkbox(edison):
    pledge = factories.draft_pledge(promises=(*tours(edison), factories.promise_data("mentors", 4)))
    form = {name: value for name, value in untouched(pledge.token).items() if name != f"promise-{type_pk()}-ticked"}
    assert send(pledge.token, form).status_code == 302
    assert snapshots.promised_amounts(pledge) == {"mentors": 4}


def test_error_in_the_second_promise_is_shown_there(edison):
    pledge = factories.draft_pledge(promises=tours(edison))
    response = submit(pledge.token, {f"promise-{type_pk()}-2-quantity": "none"})
    assert response.status_code == 422
    html = response.content.decode()
    assert f'href="#promise-{type_pk()}-2-quantity"' in html
    assert f'href="#promise-{type_pk()}-quantity"' not in html


def test_page_offers_at_most_five_promises_of_a_type():
    five = [factories.promise_data("tours", number) for number in range(1, 6)]
    pledge = factories.draft_pledge(promises=tuple(five))
    card = Client().get(pledge_url(pledge.token)).content.decode()
    assert f'name="add" value="{type_pk()}"' not in card
    data = factories.pledge_data(pledge.token, *five, factories.promise_data("tours", 9))
    with pytest.raises(pledge_editing.InvalidPromises, match="You can make up to 5 promises of one type"):
        pledge_editing.save_draft(pledge.token, **data)


def test_two_people_editing_see_all_promises_of_a_type(edison):
    pledge = factories.draft_pledge(promises=tours(edison))
    opened = untouched(pledge.token)
    submit(pledge.token, {f"promise-{type_pk()}-2-quantity": "4"})
    response = send(pledge.token, opened, {f"promise-{type_pk()}-quantity": "1"})
    assert response.status_code == 409
    page = web_client.page_text(response)
    assert "Theirs: 2 visits; Oct; Edison High + 4 visits; May; wherever it is needed most; Wear sturdy shoes." in page
    assert "Yours: 1 visit; Oct; Edison High + 3 visits; May; wherever it is needed most; Wear sturdy shoes." in page


def test_answers_with_gaps_are_read_in_their_order():
    name = f"promise-{type_pk()}"
    data = untouched(factories.pledge_request().token) | selected("tours", "1")
    data = QueryDict(urlencode(data | {f"{name}-4-quantity": "4", f"{name}-2-quantity": "2"}, doseq=True))
    answers = PledgeAnswers(data, MultiValueDict())
    assert answers.is_valid()
    assert [promise.quantity for promise in answers.promised] == [1, 2, 4]


# What follows from it ---------------------------------------------------------------------------------------------


def test_signed_version_certificate_email_and_history_have_both(edison):
    pledge = factories.signed_pledge(promises=tours(edison))
    signature_of = pledge.signatures.get()
    assert [promise["quantity"] for promise in signature_of.content["promises"]] == [2, 3]
    content = certificates.certificate_content(signature_of, "en")
    assert content["promises"] == "will host tours and field trips (5\N{NO-BREAK SPACE}visits)."
    email = Message.objects.get(kind="pledge_signed").body_text
    assert "- Host tours and field trips: 2 visits\n- Host tours and field trips: 3 visits" in email
    said = snapshots.changes(pledge)[-1]["Host tours and field trips"][1]
    assert said == "2 visits; Oct; Edison High + 3 visits; May; wherever it is needed most; Wear sturdy shoes."
    thanks = web_client.page_text(Client().get(f"{pledge.get_absolute_url()}thanks/"))
    assert "2 visits Oct · Edison High" in thanks
    assert "3 visits May · wherever it is needed most" in thanks


def test_certificate_does_not_invent_a_plural(edison):
    signed = factories.signed_pledge(promises=tours(edison, 1, 1)).signatures.get()
    visits = "1\N{NO-BREAK SPACE}visit + 1\N{NO-BREAK SPACE}visit"
    assert certificates.certificate_content(signed, "en")["promises"] == f"will host tours and field trips ({visits})."


def test_directory_counts_the_partner_once_and_both_promises(client, edison):
    factories.listed_partner("Port Gate Logistics", *tours(edison))
    response = client.get("/imagine/partners/")
    page = web_client.page_text(response)
    assert "partner listed 1 promises made 2" in page
    assert "5 visits" in page
    assert page.count("Port Gate Logistics") == 1
    filtered = web_client.page_text(client.get("/imagine/partners/?kind=tours"))
    assert filtered.count("Port Gate Logistics") == 1


def test_coverage_and_exports_add_up_right(edison):
    pledge = factories.signed_pledge(promises=tours(edison))
    coverage = coverage_of(pledge.year)
    column = next(column for column in coverage.promise_types if column.promise_type.code == "tours")
    assert (column.promises, column.quantity, column.anywhere) == (2, 5, 1)
    lines = exports.promise_export(Promise.objects.all()).rows
    assert [cell for line in lines for cell in line if cell in {2, 3}] == [2, 3]
    [line] = exports.pledge_export(Promise.objects.all()).rows
    assert 5 in line


def test_imported_rows_with_other_months_are_two_promises_and_can_be_undone():
    run = write(check_file(row(months="Oct", quantity="2"), row(months="May", quantity="3")))
    pledge = Pledge.objects.get()
    assert (run.error_count, amounts(pledge)) == (0, [(1, 2), (2, 3)])
    undo(run)
    assert Pledge.objects.count() == 0


def test_imported_rows_beyond_five_promises_of_a_type_are_errors():
    months = ("Aug", "Sep", "Oct", "Nov", "Dec", "Jan")
    run = check_file(*(row(months=month) for month in months))
    assert problems(run) == {
        7: ["This organization already has 5 promises of this type in other rows. Combine some of them."]
    }


def test_imported_rows_that_differ_only_in_quantity_are_an_error():
    run = check_file(row(quantity="2"), row(quantity="3"))
    assert problems(run) == {3: ["Row 2 already has this promise type for this organization. Combine the two rows."]}


def test_merged_pledges_keep_the_promises_of_the_leading_one(edison):
    kept = factories.signed_pledge("Port Gate", "port@example.org", promises=tours(edison))
    other = factories.signed_pledge("Port Gate Inc", "inc@example.org", promises=(factories.promise_data("tours", 9),))
    factories.merge(kept.organization, other.organization)
    kept.refresh_from_db()
    assert amounts(kept) == [(1, 2), (2, 3)]


def test_next_year_proposes_both(edison):
    pledge = factories.pledge_signed_last_year(promises=tours(edison))
    assert [promise.quantity for promise in page_state.load_page_state(pledge.token).promises] == [2, 3]


def test_signing_again_takes_one_click_with_the_name_filled_in(edison):
    pledge = factories.signed_pledge(promises=tours(edison))
    Pledge.objects.update(signed_at=timezone.now() - timedelta(hours=1))
    client = Client()
    page = web_client.page_text(client.get(pledge_url(pledge.token)))
    assert "Sign your changes" in page
    assert "Save draft" not in page
    form = untouched(pledge.token, client) | {f"promise-{type_pk()}-2-quantity": "4"}
    assert send(pledge.token, form, {"sign": "1"}, client=client).status_code == 302
    assert amounts(pledge) == [(1, 2), (2, 4)]
    assert pledge.signatures.count() == 2
