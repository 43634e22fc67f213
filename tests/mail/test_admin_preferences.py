"""Email preferences in the admin: search, topics, and bouncing addresses."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.core.models import SecurityEvent
from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from imagine.mail.security_events import MailEventKind
from tests import snapshots, web_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/mail/emailpreference/"
TOPIC_FIELDS = ("wants_invitations", "wants_reminders", "wants_news")
IGNORED_TABLES = ("accounts.StaffSession",)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def viewer() -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


def change_url(preference: EmailPreference) -> str:
    return f"{LIST}{preference.pk}/change/"


def suppressed(email: str = "alma@example.org") -> EmailPreference:
    preferences.suppress(email, "550 5.1.1 no such mailbox")
    return EmailPreference.objects.get(email=email)


def listed_emails(client: Client, query: str = "") -> list[str]:
    return [preference.email for preference in client.get(LIST + query).context["cl"].result_list]


def topics(email: str) -> tuple:
    return EmailPreference.objects.values_list(*TOPIC_FIELDS).get(email=email)


def test_list_can_be_searched_and_filtered(staff):
    preferences.set_topics(preferences.get_preference("ben@example.org"), invitations=False)
    suppressed()
    assert listed_emails(staff) == ["alma@example.org", "ben@example.org"]
    assert listed_emails(staff, "?suppressed=yes") == ["alma@example.org"]
    assert listed_emails(staff, "?suppressed=no") == ["ben@example.org"]
    assert listed_emails(staff, "?wants_invitations__exact=0") == ["ben@example.org"]
    assert listed_emails(staff, "?q=BEN@") == ["ben@example.org"]
    assert "550 5.1.1 no such mailbox" in web_client.page_text(staff.get(LIST))


def test_staff_can_record_that_an_address_wants_no_invitations(staff):
    data = web_client.form_fields(staff.get(f"{LIST}add/")) | {"email": "Alma@Example.org"}
    del data["wants_invitations"]
    assert staff.post(f"{LIST}add/", data).status_code == 302
    assert topics("alma@example.org") == (False, True, False)
    repeated = staff.post(f"{LIST}add/", data)
    assert "already exists" in web_client.page_text(repeated)
    assert EmailPreference.objects.count() == 1


def test_hidden_field_has_no_label(staff):
    page = staff.get(change_url(preferences.get_preference("alma@example.org"))).content.decode()
    assert 'type="hidden" name="shown"' in page
    assert 'for="id_shown"' not in page


def test_topics_can_be_changed_but_not_the_address(staff):
    preference = preferences.get_preference("alma@example.org")
    data = web_client.form_fields(staff.get(change_url(preference))) | {
        "wants_news": "on",
        "email": "other@example.org",
    }
    for _twice in range(2):
        assert staff.post(change_url(preference), data).status_code == 302
    assert topics("alma@example.org") == (True, True, True)


def test_saving_does_not_overwrite_what_the_person_just_chose(staff):
    preference = preferences.get_preference("alma@example.org")
    data = web_client.form_fields(staff.get(change_url(preference))) | {"wants_news": "on"}
    preferences.set_topics(preference, invitations=False)
    staff.post(change_url(preference), data)
    assert topics("alma@example.org") == (False, True, True)


def test_suppression_is_cleared_from_page_and_list(staff):
    one, other = suppressed(), suppressed("ben@example.org")
    assert "Mark as working" in web_client.page_text(staff.get(change_url(one)))
    response = staff.post(change_url(one), {"_clear_bounces": "1"}, follow=True)
    assert "1 address marked as working." in web_client.page_text(response)
    assert "Mark as working" not in web_client.page_text(response)
    response = web_client.run_action(staff, LIST, "clear_bounces", [one, other])
    assert "1 address marked as working." in web_client.page_text(response)
    assert "1 needs no change." in web_client.page_text(response.asked)
    assert not EmailPreference.objects.filter(suppressed_at__isnull=False).exists()
    assert EmailPreference.objects.get(pk=one.pk).suppression_reason == ""


def test_address_is_marked_as_bouncing_from_page_and_list(staff):
    one, other = preferences.get_preference("alma@example.org"), preferences.get_preference("ben@example.org")
    response = staff.post(change_url(one), {"_mark_bounces": "1"}, follow=True)
    assert "1 address marked as bouncing. Mailings skip it." in web_client.page_text(response)
    assert "_mark_bounces" not in response.content.decode()
    assert not preferences.may_email("alma@example.org", "invitations")
    response = web_client.run_action(staff, LIST, "mark_bounces", [one, other])
    assert "1 address marked as bouncing" in web_client.page_text(response)
    assert "1 needs no change" in web_client.page_text(response.asked)
    reasons = set(EmailPreference.objects.values_list("suppression_reason", flat=True))
    assert reasons == {"marked by staff"}


def test_marking_and_clearing_are_in_the_activity_log_once_each():
    preference = preferences.get_preference("alma@example.org")
    for _twice in range(2):
        preferences.mark_bouncing(preference)
    for _twice in range(2):
        preferences.clear_bounce(preference)
    recorded = SecurityEvent.objects.order_by("pk").values_list("kind", "object_id", "facts")
    number = str(preference.pk)
    assert list(recorded) == [
        (MailEventKind.BOUNCE_MARKED, number, {}),
        (MailEventKind.BOUNCE_CLEARED, number, {}),
    ]


def test_preferences_cannot_be_deleted(staff):
    preference = preferences.get_preference("alma@example.org")
    assert staff.post(f"{LIST}{preference.pk}/delete/", {"post": "yes"}).status_code == 403
    assert EmailPreference.objects.exists()


@pytest.mark.slow
def test_viewer_cannot_change_anything(viewer):
    preference = suppressed()
    page = viewer.get(change_url(preference)).content.decode()
    assert "_clear_bounces" not in page
    assert "_mark_bounces" not in viewer.get(change_url(preferences.get_preference("ben@example.org"))).content.decode()
    before = snapshots.tables(exclude=IGNORED_TABLES)
    for action_data in ({"_clear_bounces": "1"}, {"_mark_bounces": "1"}, {"wants_news": "on"}):
        assert viewer.post(change_url(preference), action_data).status_code == 403
    assert viewer.post(f"{LIST}add/", {"email": "x@example.org"}).status_code == 403
    web_client.run_action(viewer, LIST, "clear_bounces", [preference])
    assert snapshots.tables(exclude=IGNORED_TABLES) == before


def test_private_link_is_not_shown_or_filterable(staff):
    preference = suppressed()
    for page in (LIST, change_url(preference)):
        assert preference.token not in staff.get(page).content.decode()
    for value in (preference.token[0], "~"):
        assert staff.get(f"{LIST}?token__startswith={value}").status_code in {302, 400}


@pytest.mark.slow
def test_list_takes_as_many_queries_for_3_as_for_30(staff, django_assert_num_queries):
    preferences.get_preferences(f"a{number}@example.org" for number in range(3))
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
    preferences.get_preferences(f"a{number}@example.org" for number in range(30))
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)
