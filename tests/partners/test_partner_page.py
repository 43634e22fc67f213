"""A partner's public page: its content, its preview on other sites, and its logo."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.models import Organization, SlugRedirect
from partners.organizations import profiles
from tests import factories, web_client
from tests.factories import promise_data

pytestmark = pytest.mark.django_db

PAGE = "/imagine/partners/port-gate-logistics/"
SITE = "http://127.0.0.1:8000"


def html(client, **headers) -> str:
    response = client.get(PAGE, headers=headers)
    assert response.status_code == 200
    return web_client.page_html(response)


def test_page_lists_signed_promises_newest_year_first(client):
    schools = factories.school("Edison High"), factories.school("Cesar Chavez High")
    tours = promise_data("tours", 6, grades=("9-12",), months=(10, 11, 12, 3), schools=schools)
    partner = factories.listed_partner(
        "Port Gate Logistics", tours, description="We move freight.\n\nSince 1946.", website="https://port.example.org/"
    )
    factories.renew_pledge(partner, 2028, promise_data("mentors", 1, months=(8,)), promise_data("service", 3))
    page = web_client.page_text(client.get(PAGE))
    assert (
        "Business and industry Port Gate Logistics We move freight. Since 1946. port.example.org "
        "Promises for 2028–29 "
        "Be mentors and role models 1 student Aug · wherever it is needed most "
        "Assist in service-learning projects 3 projects Wherever it is needed most "
        "Promises for 2027–28 "
        "Host tours and field trips 6 visits, grades 9–12 Oct–Dec, Mar · Cesar Chavez High, Edison High "
    ) in page
    assert '<a href="https://port.example.org/" rel="nofollow ugc noopener">port.example.org</a>' in html(client)
    assert "noindex" not in html(client)
    assert f'name="next" value="{PAGE}"' in html(client)


def test_page_in_spanish(client):
    factories.listed_partner("Port Gate Logistics", promise_data("tours", 6, grades=("9-12",), months=(1, 2)))
    page = web_client.page_text(client.get(PAGE, headers={"accept-language": "es"}))
    assert "Promesas para 2027–28 Recibir visitas y excursiones 6 visitas, grados 9–12 Ene–feb · donde" in page


def test_profile_text_is_escaped(client):
    factories.listed_partner("Port Gate Logistics", description="<script>alert(1)</script> {{ token }}")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ token }}" in html(client)


@pytest.mark.slow
@pytest.mark.parametrize("slug", ["nobody", "draft-growers", "silent-growers", "hidden-growers"])
def test_unlisted_organization_has_no_page_or_logo(client, slug):
    draft = factories.draft_pledge("Draft Growers", "draft@example.org").organization
    unlisted = factories.signed_pledge("Silent Growers", "silent@example.org").organization
    hidden = factories.listed_partner("Hidden Growers")
    for organization in (draft, unlisted, hidden):
        Organization.objects.filter(pk=organization.pk).update(wants_listing=organization != unlisted)
        profiles.set_logo(organization, factories.png())
        profiles.approve_listing(organization, by="staff")
    profiles.withdraw_approval(hidden)
    assert client.get(f"/imagine/partners/{slug}/").status_code == 404
    assert client.get(f"/imagine/partners/{slug}/logo.png").status_code == 404


def test_merged_slug_redirects_to_the_partner_while_it_is_listed(client):
    partner = factories.listed_partner()
    SlugRedirect.objects.create(slug="port-gate", organization=partner)
    assert client.get("/imagine/partners/port-gate/").headers["Location"] == PAGE
    profiles.withdraw_approval(partner)
    assert client.get("/imagine/partners/port-gate/").status_code == 404


def test_preview_says_what_is_promised(client):
    factories.listed_partner(
        "Port Gate Logistics", promise_data("tours", 6, grades=("9-12",)), promise_data("mentors", 1)
    )
    page = html(client)
    description = (
        "Promises to Stockton’s students for 2027–28: "
        "Host tours and field trips, 6 visits, grades 9–12; Be mentors and role models, 1 student."
    )
    assert web_client.page_title(page) == "Port Gate Logistics, Imagine Promise Partner"
    for tag in (
        f'<meta name="description" content="{description}">',
        f'<link rel="canonical" href="{SITE}{PAGE}">',
        '<meta property="og:title" content="Port Gate Logistics, Imagine Promise Partner">',
        f'<meta property="og:description" content="{description}">',
        f'<meta property="og:url" content="{SITE}{PAGE}">',
        f'<meta property="og:image" content="{SITE}/imagine/static/art/share.png">',
        '<meta name="twitter:card" content="summary_large_image">',
    ):
        assert tag in page, tag


def test_preview_description_is_truncated(client):
    promise_types = [
        "curriculum",
        "tours",
        "advisory",
        "teachers",
        "mentors",
        "presentations",
        "service",
        "internships",
    ]
    factories.listed_partner(
        "Port Gate Logistics",
        *(promise_data(promise_type, 1000, grades=("TK-K", "4-6", "9-12")) for promise_type in promise_types),
    )
    description = html(client).partition('<meta name="description" content="')[2].partition('"')[0]
    assert len(description) == 300
    assert description.endswith("…")


@pytest.mark.parametrize(("width", "is_shared"), [(400, True), (199, False)])
def test_preview_has_the_logo_when_it_is_large_enough(client, width, is_shared):
    partner = factories.listed_partner()
    profiles.set_logo(partner, factories.png(width, 300))
    profiles.approve_listing(partner, by="staff")
    page = html(client)
    assert (f'<meta property="og:image" content="{SITE}{PAGE}logo.png">' in page) is is_shared
    assert (f'<meta property="og:image:width" content="{width}">' in page) is is_shared
    assert ('content="Port Gate Logistics logo"' in page) is is_shared
    assert ("art/share.png" in page) is not is_shared
    assert "logo" not in page.partition("<body>")[2]  # a bakery and a bank look alike


def test_logo_is_served_as_png_with_cache_headers(client):
    partner = factories.listed_partner()
    assert client.get(f"{PAGE}logo.png").status_code == 404
    profiles.set_logo(partner, factories.png())
    profiles.approve_listing(partner, by="staff")
    response = client.get(f"{PAGE}logo.png")
    assert response.content == factories.png()
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "public, max-age=600"
    conditional = {"if-modified-since": response.headers["Last-Modified"]}
    assert client.get(f"{PAGE}logo.png", headers=conditional).status_code == 304
    assert client.post(f"{PAGE}logo.png").status_code == 405


def test_page_allows_get_and_head_but_not_post(client):
    factories.listed_partner()
    assert client.post(PAGE).status_code == 405
    assert client.head(PAGE).status_code == 200


@pytest.mark.slow
def test_page_query_count_does_not_depend_on_promise_count(client):
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            html(client)
        return len(captured)

    schools = tuple(factories.school(f"School {number}") for number in range(9))
    partner = factories.listed_partner("Port Gate Logistics", promise_data("tours", schools=schools[:1]))
    few_queries = count_queries()
    promise_types = ["curriculum", "tours", "advisory", "teachers", "mentors", "presentations", "service"]
    for school_year in (2028, 2029, 2030):
        factories.renew_pledge(
            partner, school_year, *(promise_data(promise_type, schools=schools) for promise_type in promise_types)
        )
    assert count_queries() == few_queries <= 6


@pytest.mark.django_db(transaction=True)
def test_page_is_cached_until_it_changes(client, mail_server):
    partner = factories.listed_partner()
    html(client)
    with CaptureQueriesContext(connection) as captured:
        html(client)
    assert len(captured) == 1
    Organization.objects.update(description="We move freight.")
    assert "We move freight." in html(client)
    profiles.withdraw_approval(partner)
    assert client.get(PAGE).status_code == 404
