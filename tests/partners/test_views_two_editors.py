"""Two people on one pledge's page: nothing is overwritten unseen, and nothing typed is lost."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from partners.models import Organization, PromiseType
from partners.organizations import profiles
from tests import factories, snapshots, web_client
from tests.partners.pledge_form import pledge_url, selected, signature, submit, untouched

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def pledge():
    return factories.draft_pledge(promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 2)))


def field_prefix(code: str) -> str:
    return f"promise-{PromiseType.objects.get(code=code).pk}"


def post(pledge, form_data: dict, *parts: dict):
    for part in parts:
        form_data = form_data | part
    return Client().post(pledge_url(pledge.token), form_data if "sign" in form_data else form_data | {"save": "1"})


def conflict_page(response) -> tuple[str, dict]:
    """Return the text of the page that comes back, and its form data."""
    assert response.status_code == 409
    return web_client.page_text(response), web_client.form_fields(response)


def test_second_editor_sees_both_changes_and_who_made_them(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"), signature("Ben Ochoa"))
    text, page = conflict_page(post(pledge, second, selected("tours", "9", note="Ask us")))
    assert "Someone else saved changes while you were editing" in text
    assert "m., Ben Ochoa saved changes." in text
    expected = "Theirs: 8 visits; wherever it is needed most Yours: 9 visits; wherever it is needed most; Ask us"
    assert f"You both changed these. The page below shows your version. Host tours and field trips {expected}" in text
    assert (page[f"{field_prefix('tours')}-quantity"], page[f"{field_prefix('tours')}-note"]) == ("9", "Ask us")
    assert snapshots.promised_amounts(pledge) == {"tours": 8, "mentors": 2}


def test_form_error_in_between_does_not_hide_the_conflict(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    wrong = post(pledge, second, selected("tours", "lots"))
    assert wrong.status_code == 422
    text, _page = conflict_page(post(pledge, web_client.form_fields(wrong), selected("tours", "9")))
    assert "Theirs: 8 visits; wherever it is needed most Yours: 9 visits" in text
    assert snapshots.promised_amounts(pledge) == {"tours": 8, "mentors": 2}


def test_submitting_the_conflict_page_saves_what_was_typed(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    _words, page = conflict_page(post(pledge, second, selected("tours", "9")))
    assert post(pledge, page).status_code == 302
    assert snapshots.promised_amounts(pledge) == {"tours": 9, "mentors": 2}


def test_changes_made_only_by_the_first_editor_are_kept(pledge):
    second = untouched(pledge.token)
    first = untouched(pledge.token) | selected("teachers", "12", grades=["1-3", "4-6"]) | selected("tours", "7")
    del first[f"{field_prefix('mentors')}-ticked"]
    post(pledge, first, {"website": "example.org", "wants_listing": "on", "contact-phone": "209 555 0100"})
    text, page = conflict_page(post(pledge, second, selected("advisory", "4"), {"description": "We ship."}))
    assert "Only they changed these. The page below shows their version." in text
    assert "You both changed these" not in text
    assert "Collaborate with teachers : 12 hours; 1–3, 4–6" in text
    assert "Be mentors and role models : not promised" in text
    assert "Phone : 209 555 0100" in text
    assert (page["website"], page["wants_listing"], page["contact-phone"]) == (
        *("https://example.org", "on"),
        "209 555 0100",
    )
    assert page["description"] == "We ship."
    assert post(pledge, page).status_code == 302
    assert snapshots.promised_amounts(pledge) == {"tours": 7, "advisory": 4, "teachers": 12}
    pledge.organization.refresh_from_db()
    assert (pledge.organization.description, pledge.organization.website) == ("We ship.", "https://example.org")


def test_profile_changed_by_both_editors_shows_both_values(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, name="Port Gate, Inc.", sector="labor")
    text, page = conflict_page(post(pledge, second, {"name": "Port Gate LLC", "sector": "nonprofit"}))
    assert "Name Theirs: Port Gate, Inc. Yours: Port Gate LLC" in text
    assert "Sector Theirs: Labor Yours: Nonprofit" in text
    assert (page["name"], page["sector"]) == ("Port Gate LLC", "nonprofit")


def test_checkbox_cleared_by_the_first_editor_stays_cleared(pledge):
    submit(pledge.token, wants_listing="on")
    second, first = untouched(pledge.token), untouched(pledge.token)
    del first["wants_listing"]
    post(pledge, first)
    _words, page = conflict_page(post(pledge, second, selected("tours", "9")))
    assert "wants_listing" not in page


def test_same_changes_by_both_editors_do_not_conflict(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    assert post(pledge, second, selected("tours", "8")).status_code == 302
    assert snapshots.promised_amounts(pledge) == {"tours": 8, "mentors": 2}


def test_profile_changed_by_staff_shows_the_conflict_page(pledge, staff):
    second = untouched(pledge.token)
    edit = f"/imagine/admin/partners/organization/{pledge.organization_id}/change/"
    form = web_client.form_fields(staff.get(edit)) | {"phone": "209 555 0199", "_save": "Save"}
    assert staff.post(edit, form).status_code == 302
    text, page = conflict_page(post(pledge, second, selected("tours", "9")))
    assert "m., our staff saved changes." in text
    assert page["phone"] == "209 555 0199"


def test_line_endings_are_normalized_and_do_not_withdraw_approval(pledge, staff):
    edit = f"/imagine/admin/partners/organization/{pledge.organization_id}/change/"
    form = web_client.form_fields(staff.get(edit)) | {
        "description": "We ship.\r\nWe grow.",
        "wants_listing": "on",
        "_save": "Save",
    }
    assert staff.post(edit, form).status_code == 302
    profiles.approve_listing(pledge.organization, by="staff")
    form_data = untouched(pledge.token) | selected("tours", "9")
    assert post(pledge, form_data | {"description": form_data["description"].replace("\n", "\r\n")}).status_code == 302
    pledge.organization.refresh_from_db()
    assert (pledge.organization.description, pledge.organization.is_listed) == ("We ship.\nWe grow.", True)


def test_signature_on_an_outdated_page_must_be_submitted_again(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    _words, page = conflict_page(post(pledge, second, selected("tours", "9"), signature("Alma Reyes")))
    assert (page["sign-name"], page["sign-may"]) == ("Alma Reyes", "on")
    assert pledge.signatures.count() == 0
    assert post(pledge, page, {"sign": "1"}).status_code == 302
    assert pledge.signatures.get().signed_by == "Alma Reyes"


def test_two_first_saves_of_one_link_conflict():
    token = factories.pledge_request().token
    second = untouched(token)
    assert submit(token, selected("tours", "6")).status_code == 302
    response = Client().post(pledge_url(token), second | selected("mentors", "2") | {"save": "1"})
    _words, page = conflict_page(response)
    assert Client().post(pledge_url(token), page | {"save": "1"}).status_code == 302
    assert snapshots.pledges() == [(factories.ORGANIZATION, 2027, "draft", 2)]


def test_saved_name_that_looks_like_a_link_is_no_error_on_conflict_page(pledge):
    Organization.objects.update(name="delta.farm")
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    text, page = conflict_page(post(pledge, second, selected("tours", "9")))
    assert "There’s a problem with" not in text
    assert page["name"] == "delta.farm"


def test_conflict_page_asks_for_the_logo_again_in_an_open_group(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    logo = SimpleUploadedFile("logo.png", factories.png(), "image/png")
    response = post(pledge, second, selected("tours", "9"), {"logo": logo})
    content = response.content.decode()
    closed_group = content[: content.index("Choose your logo file again")].rpartition("<details")[2]
    assert closed_group.partition(">")[0].endswith("open")


def test_logo_change_alone_does_not_conflict(pledge):
    second = untouched(pledge.token)
    profiles.set_logo(pledge.organization, factories.png())
    assert post(pledge, second, selected("tours", "9")).status_code == 302
    assert pledge.organization.logo.png


def test_nested_json_in_the_hidden_field_shows_the_conflict_page(pledge):
    second = untouched(pledge.token)
    submit(pledge.token, selected("tours", "8"))
    for shown in ("[" * 100_000, '{"profile":' * 20_000, '{"promises": {"1": ' + "[" * 500 + "]" * 500 + "}}"):
        text, _page = conflict_page(post(pledge, second | {"shown": shown}, selected("tours", "9")))
        assert "Someone else saved changes while you were editing" in text
