"""Invalid input on a pledge's page: an error at the field, nothing typed is lost, no 500."""

import pytest
from django.test import Client

from imagine.core.uploads import MAX_BODY
from partners.models import Pledge, PromiseType
from tests import factories, snapshots, web_client
from tests.partners.pledge_form import pledge_url, selected, send, signature, submit, untouched

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

IGNORED_TABLES = ("core.RateLimitCount",)
HOW_MANY = "Enter a whole number from 1 to 100,000."


@pytest.fixture
def token() -> str:
    return factories.pledge_request().token


def field_prefix(code: str = "tours") -> str:
    return f"promise-{PromiseType.objects.get(code=code).pk}"


def check_errors(response, *error: str) -> dict:
    """Check that the page shows each error at its field and in the summary, and that nothing is saved. Return its form
    data."""
    page = web_client.page_text(response)
    assert response.status_code == 422, page
    for sentence in error:
        assert page.count(sentence) == 2, page
    assert Pledge.objects.count() == 0
    return web_client.form_fields(response)


QUANTITIES = ["0", "-1", "100001", "1.5", "lots", "", " ", "9" * 5000, "1e3", "0x9", "²", "1,00", "None", "6 hours"]


def test_invalid_quantity_is_refused(subtests, token):
    form = untouched(token)
    for button in ["save", "sign"]:
        for quantity in QUANTITIES:
            with subtests.test(button=button, quantity=quantity):
                part = signature() if button == "sign" else {}
                data = selected("tours", quantity, grades="4-6", note="Ask us")
                resent_form = check_errors(send(token, form, data, part), HOW_MANY)
                assert resent_form[f"{field_prefix()}-quantity"] == quantity.strip()
                assert (resent_form[f"{field_prefix()}-grades"], resent_form[f"{field_prefix()}-note"]) == (
                    "4-6",
                    "Ask us",
                )


def test_unit_and_example_are_shown_beside_an_error(token):
    tours = PromiseType.objects.get(code="tours")
    page = web_client.page_html(submit(token, selected("tours", "lots")))
    assert f'aria-describedby="{field_prefix()}-quantity_helptext {field_prefix()}-quantity_error"' in page
    assert f'id="{field_prefix()}-quantity_helptext">visits<' in page
    assert f'id="{field_prefix()}-note_helptext">{tours.example}<' in page


@pytest.mark.parametrize(("data", "expected"), [("1", 1), ("100,000", 100_000), (" 12 ", 12), ("007", 7)])
def test_valid_quantity_is_saved(token, data, expected):
    assert submit(token, selected("tours", data)).status_code == 302
    assert snapshots.promised_amounts(Pledge.objects.get()) == {"tours": expected}


def test_school_that_does_not_teach_the_grades_is_refused(token):
    bush = factories.school("George W. Bush Elementary", "elementary")
    error = "George W. Bush Elementary doesn’t have these grades. Choose a different school or different grades."
    resent_form = check_errors(submit(token, selected("tours", "6", grades="9-12", schools=(bush,))), error)
    assert resent_form[f"{field_prefix()}-schools"] == str(bush.pk)


def test_choosing_schools_without_selecting_one_is_refused(token):
    somewhere = {f"{field_prefix()}-where": "somewhere"}
    check_errors(
        submit(token, selected("tours"), somewhere),
        "Select at least one school, or choose “Wherever it is needed most.”",
    )


def test_errors_of_a_promise_are_listed_in_the_order_of_its_fields(token):
    page = web_client.page_text(
        submit(token, selected("tours", "lots", note="x" * 501), {f"{field_prefix()}-where": "somewhere"})
    )
    summary = page[: page.index("What will you promise")]
    errors = [HOW_MANY, "Select at least one school", "at most 500 characters"]
    assert sorted(errors, key=summary.index) == errors


def test_tampered_field_values_are_refused(subtests, token):
    form = untouched(token)
    for field, value, error in [
        ("grades", ["13"], "Choose grades from the list."),
        ("months", ["13"], "Choose months from the list."),
        ("months", ["x", "9" * 50], "Choose months from the list."),
        ("schools", ["987654321"], "Choose schools from the list."),
        ("schools", ["x"], "Choose schools from the list."),
        ("schools", ["9" * 30], "Choose schools from the list."),
        ("note", "x" * 501, "at most 500 characters"),
        ("note", "bell \x07", "can’t read"),
        ("note", "nul \x00", "Null characters are not allowed."),
    ]:
        with subtests.test(field=field, value=value, error=error):
            changed = {f"{field_prefix()}-{field}": value, f"{field_prefix()}-where": "somewhere"}
            check_errors(send(token, form, selected("tours"), changed), error)


def test_retired_and_unknown_promise_types_are_refused(token):
    form_data = untouched(token) | selected("mentors", "2", note="Ask us") | {"save": "1", "phone": "209 555 0100"}
    PromiseType.objects.filter(code="mentors").update(is_retired=True)
    for more in ({}, {"promise-987654321-ticked": "on", "promise-987654321-quantity": "1"}):
        response = Client().post(pledge_url(token), form_data | more)
        assert response.status_code == 422
        assert "This promise type is no longer offered." in web_client.page_text(response)
        assert web_client.form_fields(response)["phone"] == "209 555 0100"
    assert Pledge.objects.count() == 0


WEBSITES = [
    "javascript:alert(1)",
    "JavaScript://example.org/%0Aalert(1)",
    "data:text/html,x",
    "ftp://example.org/",
    "mailto:a@example.org",
    "http://",
    "no address",
    "https://exa mple.org",
    "example",
    "https://example.org\nx",
    "http://[::1",
]


def test_invalid_website_is_refused(subtests, token):
    form, error = untouched(token), "Enter a web address, like https://www.example.org."
    for website in WEBSITES:
        with subtests.test(website=website):
            resent_form = check_errors(send(token, form, selected("tours"), {"website": website}), error)
            assert resent_form["website"].split() == website.split()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("www.example.org", "https://www.example.org"),
        ("http://example.org/a?b=c", "http://example.org/a?b=c"),
        ("HTTPS://Example.org", "HTTPS://Example.org"),
    ],
)
def test_valid_website_is_saved(token, data, expected):
    assert submit(token, website=data).status_code == 302
    assert Pledge.objects.get().organization.website == expected


def test_invalid_profile_contact_and_signature_are_refused(subtests, token):
    form = untouched(token)
    for field, value, error in [
        ("name", "", "Enter your organization’s name."),
        ("name", "x" * 121, "at most 120 characters"),
        ("name", "Buy at www.example.com", "Remove any web or email address"),
        ("sector", "pirates", "Select a valid choice."),
        ("size", "9", "Select a valid choice."),
        ("description", "x" * 1001, "at most 1000 characters"),
        ("phone", "2" * 31, "at most 30 characters"),
        ("address", "a\nb", "on one line"),
        ("address", "\ufffd", "can’t read"),
        ("contact-name", "", "Enter the contact person’s name."),
        ("contact-role", "x" * 101, "at most 100 characters"),
        ("contact-phone", "a\x00", "Null characters are not allowed."),
        ("contact-language", "fr", "Select a valid choice."),
        ("sign-name", "see www.example.com", "Remove any web or email address"),
        ("sign-name", "x" * 101, "at most 100 characters"),
    ]:
        with subtests.test(field=field, value=value, error=error):
            resent_form = check_errors(send(token, form, selected("tours", "6"), signature(), {field: value}), error)
            assert resent_form[f"{field_prefix()}-quantity"] == "6"


def test_all_errors_are_shown_together(token):
    wrong = (
        selected("tours", "0") | selected("mentors", "x", note="y" * 501) | {"name": "", "website": "x"} | signature("")
    )
    response = submit(token, wrong)
    resent_form = check_errors(response, "at most 500 characters", "Enter your name to sign.")
    assert "There’s a problem with 6 answers" in web_client.page_text(response)
    assert web_client.page_text(response).count(HOW_MANY) == 4
    assert resent_form["website"] == "x"


def test_saved_name_may_look_like_a_web_address_but_a_new_one_may_not():
    pledge = factories.draft_pledge()
    organization = pledge.organization
    organization.name = "Growers.org"
    organization.save()
    assert submit(pledge.token, selected("tours", "7")).status_code == 302
    assert submit(pledge.token, name="Other.org").status_code == 422
    assert snapshots.promised_amounts(pledge) == {"tours": 7}


def test_invalid_version_is_treated_as_an_outdated_page(token):
    for version in ("", "x" * 5000, "0-\x00"):
        response = submit(token, selected("tours", "6"), version=version)
        assert response.status_code == 409
        assert 'value="6"' in response.content.decode()
    assert Pledge.objects.count() == 0


@pytest.mark.parametrize(
    "shown", ["", "{", "[]", "null", '{"profile": 3, "promises": [1]}', '{"contact": {"name": {}}}']
)
def test_invalid_shown_field_still_gets_the_conflict_page(shown):
    pledge = factories.draft_pledge()
    response = submit(pledge.token, selected("tours", "9"), version="0-x", shown=shown)
    assert response.status_code == 409
    assert "Theirs: 6 visits" in web_client.page_text(response)
    assert snapshots.promised_amounts(pledge) == {"tours": 6}


def test_empty_submission_is_refused(token):
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = Client().post(pledge_url(token), {"sign": "1"})
    assert response.status_code == 422
    assert "Enter your organization’s name." in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_malformed_or_oversized_request_body_is_refused(token):
    client, url = Client(raise_request_exception=False), pledge_url(token)
    assert client.post(url, "{}", content_type="application/json").status_code == 415
    assert client.post(url, b"nothing", content_type="multipart/form-data; boundary=").status_code == 400
    long = "x" * 600_000
    assert client.post(url, f"name={long}", content_type="application/x-www-form-urlencoded").status_code == 413
    assert client.post(url, {"name": long}).status_code == 400  # text only, longer than any form
    length = str(MAX_BODY + 1)
    assert client.post(url, {"name": "x"}, headers={"content-length": length}).status_code == 413
    assert Pledge.objects.count() == 0
