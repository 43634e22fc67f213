"""The logo on an organization's admin page has the same checks and conversion as on the partner's page."""

import pytest
from django.urls import resolve

from imagine.core import audit
from partners.admin.organization_form import OTHER_LOGO
from partners.models import Logo, Organization
from partners.organizations import logos, profiles
from tests import factories, snapshots, web_client
from tests.partners.test_admin_organizations import LIST, change, change_url, viewer
from tests.partners.test_views_logo import WRONG, file, picture

pytestmark = pytest.mark.django_db


def size() -> tuple[int, int]:
    logo = Logo.objects.get()
    return logo.width, logo.height


@pytest.mark.slow
def test_logo_is_uploaded_replaced_and_removed(staff):
    organization = factories.organization()
    assert (
        change(staff, organization, new_logo=file(picture(), "renamed.exe", "application/x-anything")).status_code
        == 302
    )
    assert size() == (600, 200)
    assert bytes(Logo.objects.get().png).startswith(b"\x89PNG")
    change(staff, organization, description="We ship.")
    assert size() == (600, 200)
    change(staff, organization, new_logo=file(picture((20, 20))), no_logo="on")  # the new logo is kept
    assert size() == (20, 20)
    change(staff, organization, no_logo="on")
    assert Logo.objects.count() == 0
    logo_changes = [changed["logo"] for changed in snapshots.changes(organization) if "logo" in changed]
    assert logo_changes == [["…", "new"], ["…", "new"], ["…", ""]]


def test_new_organization_can_have_a_logo(staff):
    staff.post(
        f"{LIST}add/",
        web_client.form_fields(staff.get(f"{LIST}add/")) | {"name": "Bakery", "new_logo": file(picture())},
    )
    assert Logo.objects.get().organization == Organization.objects.get(name="Bakery")


def test_logo_uploaded_by_staff_keeps_the_approval(staff):
    organization = profiles.approve_listing(factories.organization(wants_listing=True), by="anna")
    change(staff, organization, new_logo=file(picture()))
    organization.refresh_from_db()
    assert organization.is_listed


@pytest.mark.slow
def test_invalid_logo_shows_a_field_error_and_keeps_the_other_input(subtests, staff):
    organization = factories.organization()
    form = web_client.form_fields(staff.get(change_url(organization)))
    for wrong in ("svg with a script", "10,000 by 10,000", "moving", "5 MB and a byte"):
        with subtests.test(wrong):
            content, error = WRONG[wrong]
            typed_data = {"description": "We ship.", "new_logo": file(content)}
            response = staff.post(change_url(organization), form | typed_data)
            assert response.status_code == 200
            assert response.context["adminform"].errors == {"new_logo": [str(error)]}
            assert str(error) in web_client.page_text(response)
            assert web_client.form_fields(response)["description"] == "We ship."
            assert Logo.objects.count() == 0
            assert Organization.objects.get().description == ""


@pytest.mark.slow
def test_valid_logo_must_be_chosen_again_when_another_field_is_invalid(staff):
    response = change(staff, factories.organization(), name="", new_logo=file(picture()))
    assert "Choose the logo file again." in web_client.page_text(response)
    assert Logo.objects.count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("typed_data", [{"new_logo": True}, {"no_logo": "on"}])
def test_logo_changed_concurrently_by_the_partner_is_not_replaced_silently(staff, typed_data):
    organization = factories.organization()
    profiles.set_logo(profiles.lock_organization(organization.pk), factories.png(9, 9))
    data = web_client.form_fields(staff.get(change_url(organization)))
    with audit.as_actor(audit.GUEST):
        profiles.set_logo(profiles.lock_organization(organization.pk), factories.png(30, 20))

    def send(data: dict):
        return staff.post(
            change_url(organization), data | ({"new_logo": file(picture())} if "new_logo" in typed_data else typed_data)
        )

    response = send(data)
    assert response.context["adminform"].errors == {"new_logo": [str(OTHER_LOGO)]}
    assert size() == (30, 20)
    assert send(web_client.form_fields(response)).status_code == 302
    sizes = [(logo.width, logo.height) for logo in Logo.objects.all()]
    assert sizes == ([(600, 200)] if "new_logo" in typed_data else [])


@pytest.mark.slow
def test_view_only_staff_cannot_upload_a_logo():
    organization = factories.organization()
    client = viewer()
    assert 'name="new_logo"' not in client.get(change_url(organization)).content.decode()
    assert client.post(change_url(organization), {"new_logo": file(picture())}).status_code == 403
    assert Logo.objects.count() == 0


def test_organization_page_limits_uploads_to_the_maximum_logo_size():
    """Larger uploads aren't held in memory."""
    for address in (f"{LIST}add/", f"{LIST}17/change/"):
        assert resolve(address).func.largest_file == logos.MAX_FILE_SIZE
