"""With ADMIN_URL_HOST set, the admin answers only on that host, and nothing else does."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests import factories, web_client

pytestmark = pytest.mark.django_db

PUBLIC, ADMIN = {"host": "www.example.org"}, {"host": "admin.example.org"}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture(autouse=True)
def two_hosts(settings):
    settings.SITE_URL, settings.ADMIN_URL_HOST = "https://www.example.org", "admin.example.org"
    settings.CSRF_TRUSTED_ORIGINS = ["https://www.example.org", "https://admin.example.org"]
    settings.ALLOWED_HOSTS = ["www.example.org", "admin.example.org"]


def test_admin_is_served_only_on_its_own_host(staff):
    for url in ("/imagine/admin/", "/imagine/admin/login/", "/imagine/admin/summit/rsvp/"):
        for method in (staff.get, staff.post):
            assert method(url, headers=PUBLIC).status_code == 404, url
    assert staff.get("/imagine/admin/summit/rsvp/", headers=ADMIN).status_code == 200
    assert staff.get("/imagine/admin/summit/rsvp/", headers={"host": "admin.example.org:8443"}).status_code == 200
    assert Client().get("/imagine/admin/", headers=ADMIN).status_code == 302
    assert Client().get("/imagine/admin", headers=ADMIN)["Location"] == "/imagine/admin/"
    assert Client().get("/imagine/admin", headers=PUBLIC).status_code == 404


def test_admin_forms_accept_posts_only_from_the_admin_host(staff):
    csrf_client = Client(enforce_csrf_checks=True)
    csrf_client.cookies = staff.cookies
    url = f"/imagine/admin/summit/event/{factories.event().pk}/change/?tab=settings"
    data = web_client.form_fields(csrf_client.get(url, headers=ADMIN))
    admin_origin = {"origin": "https://admin.example.org", "sec-fetch-site": "same-origin"}
    public_origin = {"origin": "https://www.example.org", "sec-fetch-site": "same-site"}
    assert csrf_client.post(url, data, headers=ADMIN | public_origin).status_code == 403
    assert csrf_client.post(url, data, headers=ADMIN | admin_origin).status_code == 302


def test_admin_host_redirects_public_pages_to_the_public_host(staff):
    rsvp = factories.rsvp(factories.event())
    for url in ("/imagine/", "/imagine/partners/?q=a", rsvp.get_absolute_url()):
        assert staff.get(url, headers=ADMIN)["Location"] == f"https://www.example.org{url}"
        assert staff.get(url, headers=PUBLIC).status_code == 200
    assert staff.get("/", headers=ADMIN)["Location"] == "/imagine/admin/"
    assert staff.post(reverse("find_rsvp"), {"email": rsvp.email}, headers=ADMIN).status_code == 404
    assert staff.post("/imagine/language/", {"language": "es"}, headers=ADMIN).status_code == 302
    for url in ("/imagine/health/live/", "/imagine/static/css/admin.css"):
        response = staff.get(url, headers=ADMIN)
        assert response.status_code == 200
        response.close()
