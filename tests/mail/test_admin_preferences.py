"""Mail addresses as staff find them, change what they want, and let those take mail again that refused it."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from imagine.mail import preferences
from imagine.mail.models import EmailPreference
from tests import snapshots, web_client

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/mail/emailpreference/"
WISHES = ("wants_invitations", "wants_reminders", "wants_news")
KEPT = ("sessions.Session",)


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


def page_of(address: EmailPreference) -> str:
    return f"{LIST}{address.pk}/change/"


def refused(email: str = "alma@example.org") -> EmailPreference:
    preferences.refuse(email, "550 5.1.1 no such mailbox")
    return EmailPreference.objects.get(email=email)


def shown(client: Client, query: str = "") -> list[str]:
    return [address.email for address in client.get(LIST + query).context["cl"].result_list]


def wishes(email: str) -> tuple:
    return EmailPreference.objects.values_list(*WISHES).get(email=email)


def test_list_finds_and_filters(staff):
    preferences.choose(preferences.of("ben@example.org"), invitations=False)
    refused()
    assert shown(staff) == ["alma@example.org", "ben@example.org"]
    assert shown(staff, "?refused=yes") == ["alma@example.org"]
    assert shown(staff, "?refused=no") == ["ben@example.org"]
    assert shown(staff, "?wants_invitations__exact=0") == ["ben@example.org"]
    assert shown(staff, "?q=BEN@") == ["ben@example.org"]
    assert "550 5.1.1 no such mailbox" in web_client.page_text(staff.get(LIST))


def test_who_phones_wants_no_invitations_any_more(staff):
    typed = web_client.form_fields(staff.get(f"{LIST}add/")) | {"email": "Alma@Example.org"}
    del typed["wants_invitations"]
    assert staff.post(f"{LIST}add/", typed).status_code == 302
    assert wishes("alma@example.org") == (False, True, False)
    again = staff.post(f"{LIST}add/", typed)
    assert "already exists" in web_client.page_text(again)
    assert EmailPreference.objects.count() == 1


def test_wishes_are_changed_and_the_address_stays(staff):
    address = preferences.of("alma@example.org")
    typed = web_client.form_fields(staff.get(page_of(address))) | {"wants_news": "on", "email": "other@example.org"}
    for _twice in range(2):
        assert staff.post(page_of(address), typed).status_code == 302
    assert wishes("alma@example.org") == (True, True, True)


def test_what_the_person_chose_meanwhile_is_not_written_over(staff):
    address = preferences.of("alma@example.org")
    typed = web_client.form_fields(staff.get(page_of(address))) | {"wants_news": "on"}
    preferences.choose(address, invitations=False)
    staff.post(page_of(address), typed)
    assert wishes("alma@example.org") == (False, True, True)


def test_refusal_is_forgiven_on_its_page_and_in_the_list(staff):
    one, other = refused(), refused("ben@example.org")
    assert "It takes mail again" in web_client.page_text(staff.get(page_of(one)))
    said = staff.post(page_of(one), {"_forgive": "1"}, follow=True)
    assert "1 address takes mail again." in web_client.page_text(said)
    assert "It takes mail again" not in web_client.page_text(said)
    sent = {"action": "forgive", "_selected_action": [one.pk, other.pk]}
    page = web_client.page_text(staff.post(LIST, sent, follow=True))
    assert "1 address takes mail again." in page
    assert "1 was so already and stays as it is." in page
    assert not EmailPreference.objects.filter(suppressed_at__isnull=False).exists()
    assert EmailPreference.objects.get(pk=one.pk).suppression_reason == ""


def test_nobody_deletes_a_no(staff):
    address = preferences.of("alma@example.org")
    assert staff.post(f"{LIST}{address.pk}/delete/", {"post": "yes"}).status_code == 403
    assert EmailPreference.objects.exists()


def test_who_may_only_look_changes_nothing(viewer):
    address = refused()
    page = viewer.get(page_of(address)).content.decode()
    assert "_forgive" not in page
    before = snapshots.tables(but=KEPT)
    for sent in ({"_forgive": "1"}, {"wants_news": "on"}):
        assert viewer.post(page_of(address), sent).status_code == 403
    assert viewer.post(f"{LIST}add/", {"email": "x@example.org"}).status_code == 403
    viewer.post(LIST, {"action": "forgive", "_selected_action": [address.pk]})
    assert snapshots.tables(but=KEPT) == before


def test_no_page_shows_or_finds_out_the_private_link(staff):
    address = refused()
    for page in (LIST, page_of(address)):
        assert address.token not in staff.get(page).content.decode()
    for value in (address.token[0], "~"):
        assert staff.get(f"{LIST}?token__startswith={value}").status_code in {302, 400}


def test_list_takes_as_many_queries_for_3_as_for_30(staff, django_assert_num_queries):
    preferences.of_many(f"a{number}@example.org" for number in range(3))
    with CaptureQueriesContext(connection) as queries:
        staff.get(LIST)
    preferences.of_many(f"a{number}@example.org" for number in range(30))
    with django_assert_num_queries(len(queries)):
        staff.get(LIST)
