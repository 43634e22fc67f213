"""A pledge's page: opened, saved as a draft, signed and changed; closed, renewed and retired; access and errors."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.core.links import new_token
from imagine.core.models import RateLimitCount
from partners import formatting as partner_formatting
from partners.models import Pledge, PledgeRequest, PromiseType, School
from partners.organizations import profiles
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from tests import factories, snapshots, web_client
from tests.partners.pledge_form import pledge_url, selected, signature, submit, untouched

pytestmark = pytest.mark.django_db

IGNORED_TABLES = ("core.RateLimitCount",)
CONTACT = {"contact-role": "Owner", "contact-phone": "209 555 0100", "contact-language": "es"}
PROFILE = {
    "name": "Port Gate Logistics, Inc.",
    "sector": "business",
    "description": "We ship asparagus.\r\nTo nine states.",
    "website": "www.example.org",
    "phone": "209 555 0199",
    "address": "1 Levee Road, Stockton",
    "size": "some",
    "wants_listing": "on",
}


def text(token: str, name: str = "pledge") -> str:
    return web_client.page_text(Client().get(pledge_url(token, name)))


def saved_pledge(response) -> Pledge:
    """Return the pledge, after checking that the response leads to its page."""
    pledge = Pledge.objects.order_by("-pk").first()
    assert (response.status_code, response["Location"]) == (302, pledge.get_absolute_url())
    return pledge


def signed_pledge(response) -> Pledge:
    pledge = Pledge.objects.order_by("-changed_at").first()
    assert (response.status_code, response["Location"]) == (302, pledge_url(pledge.token, "pledge_thanks"))
    return pledge


# Open ----------------------------------------------------------------------------------------------------------------


def test_new_pledge_page_is_filled_in_and_offers_the_eight_promise_types():
    token = factories.pledge_request().token
    page = text(token)
    assert "What will you promise for 2027–28?" in page
    assert "Signed by Not signed yet" in page
    assert "We send emails to alma@example.org." in page
    for promise_type in PromiseType.objects.all():
        assert promise_type.name in page
        assert promise_type.unit_plural in page
    form_data = untouched(token)
    assert (form_data["name"], form_data["contact-name"], form_data["contact-language"]) == (
        factories.ORGANIZATION,
        "Alma Reyes",
        "en",
    )
    assert not [name for name in form_data if name.endswith("-ticked")]


def test_types_that_need_clearance_show_the_requirements():
    page = text(factories.pledge_request().token)
    assert page.count("Requires volunteer clearance.") == 2
    assert page.count("The badge lasts one school year.") == 2


def test_type_that_needs_insurance_says_so():
    PromiseType.objects.filter(code="tours").update(needs_insurance=True, requirements="A paper of one year.")
    assert "Certificate of insurance. A paper of one year." in text(factories.pledge_request().token)


@pytest.mark.slow
def test_page_in_spanish():
    factories.school(level="elementary")
    page = web_client.page_text(
        Client().get(pledge_url(factories.pledge_request().token), headers={"accept-language": "es"})
    )
    assert "¿Qué promete su organización para 2027–28?" in page
    assert "Recibir visitas y excursiones" in page
    assert "Meses (si no marca ninguno, es cualquiera)" in page


# Save a draft --------------------------------------------------------------------------------------------------------


def test_draft_is_saved_with_profile_contact_and_promises():
    chavez, bush = factories.school(), factories.school("George W. Bush Elementary", "elementary")
    token = factories.pledge_request().token
    tours_data = selected(
        "tours", "1,200", grades=["4-6", "9-12"], months=["3", "10"], schools=(chavez, bush), note=" Ask\r\nus "
    )
    pledge = saved_pledge(submit(token, PROFILE, CONTACT, tours_data, selected("advisory", "3")))
    assert (pledge.token, pledge.state, pledge.language) == (token, "draft", "es")
    assert snapshots.promises(pledge) == [
        ("tours", 1200, ["4-6", "9-12"], [10, 3], ["Cesar Chavez High", "George W. Bush Elementary"], "Ask us"),
        ("advisory", 3, [], [], [], ""),
    ]
    assert profiles.field_values(pledge.organization, profiles.PROFILE_FIELDS) == PROFILE | {
        "description": "We ship asparagus.\nTo nine states.",
        "website": "https://www.example.org",
        "wants_listing": True,
    }
    assert profiles.field_values(pledge.contact, ["name", "role", "phone", "language", "email"]) == {
        "name": "Alma Reyes",
        "role": "Owner",
        "phone": "209 555 0100",
        "language": "es",
        "email": "alma@example.org",
    }
    assert snapshots.emails_to() == ["link 1 alma@example.org"]


def test_saved_draft_is_shown_as_it_was_left_in_any_browser():
    token = factories.pledge_request().token
    pledge = saved_pledge(
        submit(token, PROFILE, CONTACT, selected("tours", "6", grades=["1-3", "4-6"], months=["10"], note="Ask"))
    )
    version = pledge.version
    repeated = untouched(token)
    name = f"promise-{PromiseType.objects.get(code='tours').pk}"
    assert repeated[f"{name}-ticked"] == "on"
    assert repeated[f"{name}-quantity"] == "6"
    assert repeated[f"{name}-grades"] == ["1-3", "4-6"]
    assert repeated[f"{name}-months"] == "10"
    assert repeated[f"{name}-note"] == "Ask"
    saved_pledge(submit(token))  # unchanged data changes nothing
    assert Pledge.objects.get().version == version
    assert "This is a draft. It takes effect when you sign it." in text(token)


def test_fields_of_an_unselected_type_are_ignored():
    token = factories.pledge_request().token
    unselected = {
        name: value for name, value in selected("mentors", "lots", grades=["x"]).items() if "ticked" not in name
    }
    assert snapshots.promised_amounts(saved_pledge(submit(token, selected("tours", "6"), unselected))) == {"tours": 6}


@pytest.mark.slow
def test_deselecting_a_type_removes_its_promise():
    pledge = factories.draft_pledge(promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 2)))
    form_data = untouched(pledge.token)
    del form_data[f"promise-{PromiseType.objects.get(code='tours').pk}-ticked"]
    saved_pledge(Client().post(pledge_url(pledge.token), form_data | {"save": "1"}))
    assert snapshots.promised_amounts(pledge) == {"mentors": 2}


def test_schools_are_ignored_when_anywhere_is_selected():
    chavez = factories.school()
    token = factories.pledge_request().token
    tours_data = selected("tours", "6", schools=(chavez,)) | {
        f"promise-{PromiseType.objects.get(code='tours').pk}-where": "anywhere"
    }
    assert snapshots.promises(saved_pledge(submit(token, tours_data))) == [("tours", 6, [], [], [], "")]


def test_draft_without_promises_is_saved_and_the_page_says_so(client):
    token = factories.pledge_request().token
    pledge = saved_pledge(submit(token, client=client))
    assert snapshots.promises(pledge) == []
    page = web_client.page_text(client.get(pledge_url(token)))
    assert "Draft saved. It takes effect when you sign it." in page


@pytest.mark.slow
def test_draft_submitted_twice_is_saved_once():
    token = factories.pledge_request().token
    form_data = untouched(token) | selected("tours", "6") | {"save": "1"}
    for _twice in range(2):
        saved_pledge(Client().post(pledge_url(token), form_data))
    assert snapshots.pledges() == [(factories.ORGANIZATION, 2027, "draft", 1)]


@pytest.mark.slow
def test_second_pledge_for_the_same_organization_and_year_opens_the_first():
    first = factories.draft_pledge()
    token = factories.pledge_request().token  # requested again with the same name and email address
    response = Client().get(pledge_url(token))
    assert (response.status_code, response["Location"]) == (302, first.get_absolute_url())
    saved_pledge(submit(first.token, selected("mentors", "2")))
    assert snapshots.pledges() == [(factories.ORGANIZATION, 2027, "draft", 2)]


# Sign ----------------------------------------------------------------------------------------------------------------


def test_signing_saves_the_signature_sends_email_and_shows_thanks():
    token = factories.pledge_request().token
    pledge = signed_pledge(submit(token, selected("tours", "6"), signature("Alma Reyes", role="Owner")))
    assert (pledge.state, pledge.signed_by, pledge.signed_role) == ("signed", "Alma Reyes", "Owner")
    assert snapshots.emails_to() == ["link 1 alma@example.org", "signed 1 alma@example.org"]
    assert "Thank you for your promise" in text(token, "pledge_thanks")


def test_signing_submitted_twice_signs_and_emails_once():
    token = factories.pledge_request().token
    form_data = untouched(token) | selected("tours", "6") | signature()
    for _twice in range(2):
        signed_pledge(Client().post(pledge_url(token), form_data))
    assert snapshots.pledges() == [(factories.ORGANIZATION, 2027, "signed", 1)]
    assert snapshots.emails_to() == ["link 1 alma@example.org", "signed 1 alma@example.org"]


def test_changing_a_signed_pledge_requires_a_new_signature():
    pledge = factories.signed_pledge()
    page = text(pledge.token)
    assert "Your promises for 2027–28" in page
    assert "Save draft" not in page
    form_data = untouched(pledge.token)
    assert (form_data["sign-name"], form_data["sign-role"], form_data["sign-may"]) == ("Alma Reyes", "Owner", "on")
    signed_pledge(submit(pledge.token, selected("tours", "8"), signature("Ben Ochoa")))
    assert snapshots.promised_amounts(pledge) == {"tours": 8}
    assert list(pledge.signatures.values_list("number", "signed_by")) == [(1, "Alma Reyes"), (2, "Ben Ochoa")]


@pytest.mark.slow
def test_saving_a_signed_pledge_as_a_draft_is_refused():
    pledge = factories.signed_pledge()
    response = submit(pledge.token, selected("tours", "8"))
    assert response.status_code == 422
    assert "Your promises are already signed. To change them, sign again." in web_client.page_text(response)
    assert 'value="8"' in response.content.decode()
    assert snapshots.promised_amounts(pledge) == {"tours": 6}


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("sign-name", "Enter your name to sign."),
        ("sign-may", "Check this box to sign."),
        ("tours", "Choose at least one promise"),
    ],
)
def test_signing_requires_a_name_an_authorization_and_a_promise(missing, error):
    token = factories.pledge_request().token
    parts = {name: value for name, value in (selected("tours", "6") | signature()).items() if name != missing}
    if missing == "sign-name":
        parts[missing] = ""  # the page fills in the contact's
    if missing == "tours":
        parts = signature()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    response = submit(token, parts)
    assert response.status_code == 422
    assert error in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_draft_requires_no_signature_and_keeps_the_typed_name():
    token = factories.pledge_request().token
    response = submit(token, {"sign-name": "Alma", "name": ""})
    page = response.content.decode()
    assert response.status_code == 422
    assert web_client.form_fields(response)["sign-name"] == "Alma"
    assert "Enter your name to sign." not in page


@pytest.mark.slow
def test_signatures_per_link_are_rate_limited():
    pledge = factories.signed_pledge()
    submit(pledge.token, selected("tours", "7"), signature())
    RateLimitCount.objects.filter(key__startswith="signatures:").update(count=20)
    response = submit(pledge.token, selected("tours", "8"), signature())
    assert response.status_code == 429
    assert 3600 <= int(response["Retry-After"]) <= 3780
    assert snapshots.promised_amounts(pledge) == {"tours": 7}


# Closed, renewed, retired --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_closed_year_shows_the_signed_promises_and_refuses_changes():
    pledge = factories.signed_pledge(promises=(factories.promise_data("tours", 6, grades=("1-3",), months=(10, 11)),))
    form_data = untouched(pledge.token) | selected("tours", "8") | signature()
    factories.close_year()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    page = text(pledge.token)
    assert "Closed Your promises for 2027–28 Promises for this school year are closed" in page
    assert "Host tours and field trips 6 visits, grades 1–3 Oct–Nov · wherever it is needed most" in page
    assert "Open certificate (PDF)" in page
    assert 'name="promise-' not in Client().get(pledge_url(pledge.token)).content.decode()
    assert Client().get(pledge_url(pledge.token, "pledge_thanks"))["Location"] == pledge.get_absolute_url()
    response = Client().post(pledge_url(pledge.token), form_data)
    assert response.status_code == 409
    assert "Promises for this school year are closed" in web_client.page_text(response)
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


@pytest.mark.slow
def test_closed_year_with_a_draft_or_no_pledge_refuses_changes():
    draft, start = factories.draft_pledge(), factories.pledge_request("Other", "other@example.org")
    factories.close_year()
    assert "Your draft wasn’t signed, so nothing was promised." in text(draft.token)
    assert "Promises are closed No school year is open for promises right now." in text(start.token)
    for token in (draft.token, start.token):
        assert Client().post(pledge_url(token), {"save": "1", "name": "x"}).status_code == 409


@pytest.mark.slow
def test_pledge_of_a_reopened_year_can_be_changed_again():
    pledge = factories.signed_pledge()
    pledge_years.reopen_year(factories.close_year())
    signed_pledge(submit(pledge.token, selected("tours", "8"), signature()))
    assert snapshots.promised_amounts(pledge) == {"tours": 8}


@pytest.mark.slow
def test_renewal_proposes_last_years_promises_and_saves_when_submitted():
    before = factories.pledge_signed_last_year(
        promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 2))
    )
    PromiseType.objects.filter(code="mentors").update(is_retired=True)
    rows = snapshots.tables()
    page = text(before.token)
    assert "For 2026–27, you promised:" in page
    assert "No longer offered: Be mentors and role models." in page
    assert snapshots.tables() == rows
    pledge = signed_pledge(submit(before.token, selected("teachers", "12"), signature()))
    assert (pledge.year_id, snapshots.promised_amounts(pledge)) == (2027, {"tours": 6, "teachers": 12})
    assert snapshots.promised_amounts(before) == {"tours": 6, "mentors": 2}
    response = Client().get(pledge_url(before.token))
    assert (response.status_code, response["Location"]) == (302, pledge.get_absolute_url())


@pytest.mark.slow
def test_retired_type_stays_on_its_pledge_but_is_offered_to_no_one_else():
    pledge = factories.signed_pledge(promises=(factories.promise_data("mentors", 2),))
    PromiseType.objects.filter(code="mentors").update(is_retired=True)
    assert "No longer offered. You can keep yours" in text(pledge.token)
    signed_pledge(submit(pledge.token, selected("mentors", "3"), signature()))
    assert snapshots.promised_amounts(pledge) == {"mentors": 3}
    assert "Be mentors" not in text(factories.pledge_request("Other", "other@example.org").token)


@pytest.mark.slow
def test_retired_school_stays_on_existing_promises():
    chavez = factories.school()
    pledge = factories.draft_pledge(promises=(factories.promise_data("tours", 6, schools=(chavez,)),))
    School.objects.update(is_retired=True)
    assert text(pledge.token).count("Cesar Chavez High") == 1
    saved_pledge(submit(pledge.token, selected("teachers", "2")))
    assert snapshots.promises(pledge)[0] == ("tours", 6, [], [], ["Cesar Chavez High"], "")


# Thanks --------------------------------------------------------------------------------------------------------------


def test_thanks_page_lists_the_promises_in_the_active_language():
    chavez = factories.school()
    promise = factories.promise_data(
        "mentors", 4, grades=("9-12",), months=(9, 10), schools=(chavez,), note="Ask for Alma"
    )
    token = factories.signed_pledge(promises=(promise,)).token
    page = text(token, "pledge_thanks")
    assert "Be mentors and role models 4 students, grades 9–12 Sep–Oct · Cesar Chavez High Ask for Alma" in page
    assert "Your copy goes to alma@example.org" in page
    assert "You’ll need volunteer clearance." in page
    thanks = Client().get(pledge_url(token, "pledge_thanks"), headers={"accept-language": "es"})
    assert "Ser mentores y ejemplos a seguir 4 estudiantes" in web_client.page_text(thanks)
    for language in ("en", "es"):
        assert f"{pledge_url(token, 'pledge_certificate')}?language={language}" in thanks.content.decode()


def test_thanks_page_links_to_the_public_page_only_if_listed():
    partner = factories.listed_partner("Public Growers")
    token = Pledge.objects.get().token
    assert partner.get_absolute_url() in Client().get(pledge_url(token, "pledge_thanks")).content.decode()
    profiles.withdraw_approval(partner)
    page = Client().get(pledge_url(token, "pledge_thanks"))
    assert partner.get_absolute_url() not in page.content.decode()
    assert "Once we approve your profile" in web_client.page_text(page)
    assert "Once we approve your profile" not in text(
        factories.signed_pledge("Other", "other@example.org").token, "pledge_thanks"
    )


def test_thanks_page_of_a_draft_redirects_to_the_pledge():
    token = factories.draft_pledge().token
    response = Client().get(pledge_url(token, "pledge_thanks"))
    assert (response.status_code, response["Location"]) == (302, pledge_url(token))


# Who, and how --------------------------------------------------------------------------------------------------------


def test_browser_link_is_refused_once_the_address_is_known():
    factories.pledge_year()
    start = pledge_signup.open_pledge_request(factories.unsaved_pledge_request(source="rsvp:17"))
    form_data = untouched(start.browser_token) | selected("tours", "6") | {"save": "1"}
    factories.contact(factories.organization("Port Gate Logistic"), factories.EMAIL)
    response = Client().post(pledge_url(start.browser_token), form_data)
    assert response.status_code == 409
    assert "This email address already belongs to a partner. We’ve emailed the link to it." in web_client.page_text(
        response
    )
    assert snapshots.pledges() == []
    assert PledgeRequest.objects.filter(token=start.token).exists()


@pytest.mark.slow
def test_pledge_whose_contact_was_deleted_can_be_saved():
    pledge = factories.draft_pledge()
    pledge.contact.delete()
    assert "contact-name" not in untouched(pledge.token)
    saved_pledge(submit(pledge.token, selected("tours", "8")))
    assert snapshots.promised_amounts(pledge) == {"tours": 8}


def test_invalid_links_all_get_the_same_404_page():
    factories.draft_pledge()
    pages = set()
    for token in (new_token(), "x" * 31, "../" * 5, "%00" * 32):
        for tail in ("", "thanks/", "logo.png"):
            response = Client().get(f"/imagine/promise/{token}/{tail}")
            assert response.status_code == 404
            pages.add(response.content)
        response = Client().post(f"/imagine/promise/{token}/", {"save": "1"} | {"name": "x"})
        assert response.status_code in {404, 422}
    assert len(pages) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pledge", "pledge_thanks", "pledge_logo"])
def test_pages_reject_other_methods(client, name):
    token = factories.signed_pledge().token
    assert client.put(pledge_url(token, name)).status_code == 405
    if name != "pledge":
        assert client.post(pledge_url(token, name)).status_code == 405


def test_page_requires_the_csrf_token():
    token = factories.pledge_request().token
    client = Client(enforce_csrf_checks=True)
    form_data = untouched(token, client)
    without = {name: value for name, value in form_data.items() if name != "csrfmiddlewaretoken"}
    assert client.post(pledge_url(token), without | {"save": "1"}).status_code == 403
    saved_pledge(client.post(pledge_url(token), form_data | {"save": "1"}))


def test_private_pages_send_no_store_noindex_and_referrer_policy_headers():
    pledge = factories.signed_pledge()
    profiles.set_logo(pledge.organization, factories.png())
    for name in ("pledge", "pledge_thanks", "pledge_logo"):
        response = Client().get(pledge_url(pledge.token, name))
        assert response.status_code == 200
        assert response["Cache-Control"] == "private, no-store"
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Referrer-Policy"] == "strict-origin"
    assert Client().post(pledge_url(pledge.token), {"sign": "1"})["Cache-Control"] == "private, no-store"


@pytest.mark.slow
def test_opening_pages_writes_nothing():
    tokens = [
        factories.signed_pledge().token,
        factories.draft_pledge("B", "b@example.org").token,
        factories.pledge_request("C", "c@example.org").token,
    ]
    before = snapshots.tables()
    for token in tokens:
        for name in ("pledge", "pledge_thanks", "pledge_logo"):
            for method in ("get", "head", "options"):
                assert getattr(Client(), method)(pledge_url(token, name)).status_code < 500
    assert snapshots.tables() == before


def test_page_shows_no_other_organization():
    other = factories.signed_pledge("Zoltan Quirke Ltd", "zoltan@example.org")
    page = Client().get(pledge_url(factories.draft_pledge().token)).content.decode()
    for private in ("Zoltan", "zoltan", other.token):
        assert private not in page


@pytest.mark.slow
def test_page_query_count_does_not_depend_on_promise_count(django_assert_num_queries):
    schools = tuple(factories.school(f"School {number}") for number in range(20))
    codes = PromiseType.objects.values_list("code", flat=True)
    few = factories.draft_pledge("Few", "few@example.org")
    many = factories.draft_pledge(
        "Many", "many@example.org", tuple(factories.promise_data(code, 9, schools=schools) for code in codes)
    )
    for token in (few.token, many.token):
        with django_assert_num_queries(8):
            Client().get(pledge_url(token))


def query_count(form_data: dict, token: str) -> int:
    """Return how many queries saving a page takes."""
    with CaptureQueriesContext(connection) as queries:
        saved_pledge(Client().post(pledge_url(token), form_data | {"save": "1"}))
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


@pytest.mark.slow
def test_save_query_count_does_not_depend_on_promise_count():
    schools = tuple(factories.school(f"School {number}") for number in range(20))
    codes = list(PromiseType.objects.values_list("code", flat=True))
    counts = []
    for number in (2, 8):
        token = factories.pledge_request(f"Growers {number}", f"n{number}@example.org").token
        form_data, repeated = untouched(token), {}
        for code in codes[:number]:
            form_data |= selected(code, "3", schools=schools)
            repeated |= selected(code, "4", schools=schools[number:])
        counts.append((query_count(form_data, token), query_count(untouched(token) | repeated, token)))
    assert counts[0] == counts[1]
    assert counts[0] <= (17, 14)


@pytest.mark.slow
def test_form_errors_of_one_partner_are_not_shown_to_another():
    """crispy-forms modifies the fields of a form that it renders."""
    token, other = factories.draft_pledge().token, factories.draft_pledge("Other", "other@example.org").token
    invalid_fields = [
        {"website": "port gate", "contact-name": ""},
        signature(""),
        {"website": "port gate", "contact-name": ""},
    ]
    pages = [web_client.page_text(submit(other, wrong)) for wrong in invalid_fields]
    assert pages[0] == pages[2] != pages[1]
    before = Client().get(pledge_url(token)).content.decode()
    assert "is-invalid" in submit(other, *invalid_fields[:2]).content.decode()
    assert "is-invalid" not in before + Client().get(pledge_url(token)).content.decode()


# Where, when and in which order -----------------------------------------------------------------------------------


def test_summer_months_can_be_promised():
    token = factories.pledge_request().token
    assert submit(token, selected("internships", "4", months=["6", "7"])).status_code == 302
    [promise] = page_state.load_page_state(token).promises
    assert promise.months == (6, 7)
    assert partner_formatting.month_spans(promise.months) == "Jun–Jul"


@pytest.mark.parametrize("where", ["", "elsewhere"])
def test_unknown_place_is_an_error_that_keeps_the_chosen_schools(where):
    school = factories.school()
    pledge = factories.draft_pledge(promises=(factories.promise_data("tours", 6, schools=(school,)),))
    response = submit(pledge.token, selected("tours", "6", where=where))
    assert response.status_code == 422
    assert "Choose where: at specific schools, or wherever it is needed most." in web_client.page_text(response)
    assert list(pledge.promises.get().schools.all()) == [school]


def test_saved_draft_keeps_its_lists_closed_and_says_how_much_is_chosen():
    schools = (factories.school(), factories.school("Edison High"))
    promised = factories.promise_data("tours", 6, schools=schools, grades=("9-12",), months=(10, 11))
    pledge = factories.draft_pledge(promises=(promised,))
    html = web_client.page_html(Client().get(pledge_url(pledge.token)))
    card = html.partition(f'id="promise-{promised.promise_type}-h"')[2].partition("</li>")[0]
    assert re.findall(r"<details[^>]*\bopen\b", card) == []
    text_of_card = " ".join(re.sub(r"<[^>]+>", " ", card).split())
    assert "High school (9–12) 2 chosen" in text_of_card
    assert "Grades and months grades 9–12, Oct–Nov" in text_of_card


def test_errors_are_listed_in_the_order_of_the_fields():
    name = f"promise-{factories.promise_data('tours').promise_type}"
    wrong = selected("tours", "many", where="somewhere", note="x" * 501)
    response = submit(factories.pledge_request().token, wrong, signature(""), **{"name": "", "contact-name": ""})
    links = re.findall(r'<li>\s*<a href="#([^"]+)">', response.content.decode())
    assert links == [
        *(f"{name}-quantity", f"{name}-where_0", f"{name}-note"),
        *("id_name", "id_contact-name", "id_sign-name"),
    ]


def test_profile_and_contact_are_folded_after_the_promises_and_filled_in():
    token = factories.pledge_request().token
    html = Client().get(pledge_url(token)).content.decode()
    assert html.index('id="promises"') < html.index('id="profile-h"') < html.index('id="sign-h"')
    assert "Your organization Port Gate Logistics" in text(token)
    form = untouched(token)
    assert (form["name"], form["contact-name"], form["sign-name"]) == (
        "Port Gate Logistics",
        "Alma Reyes",
        "Alma Reyes",
    )
