import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.mark.slow
def test_invalid_query_strings_get_400(staff):
    organization = factories.organization()
    listed = "/imagine/admin/partners/organization/"
    for query in ("name__regex=a%00b", "q=%00", "%00=a", "name__regex=(", "name__iregex=%5B"):
        for page in (listed, f"{listed}organizations.csv"):
            assert staff.get(f"{page}?{query}").status_code == 400, f"{page}?{query}"
    assert staff.post(f"{listed}?name__regex=(", {"action": "approve"}).status_code == 400
    for page in (f"{listed}{organization.pk}/change/", f"{listed}add/", "/imagine/admin/auth/group/add/"):
        assert staff.get(f"{page}?_to_field=").status_code == 400
        assert staff.post(page, {"_to_field": ""}).status_code == 400
        assert staff.get(f"{page}?_to_field=id").status_code == 200
    assert staff.get(f"{listed}?name__regex=Port").status_code == 200
