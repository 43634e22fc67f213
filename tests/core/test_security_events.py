"""The activity log: what it records about accounts, who may read it, and that no one can change it."""

from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client, RequestFactory
from django.utils import timezone

from imagine.accounts.security_events import AccountEventKind
from imagine.core import security_events
from imagine.core.models import SecurityEvent, SecurityEventKind, security_event_kinds
from imagine.core.security_events import record_event, shorten_address
from imagine.mail.security_events import MailEventKind
from imagine.privacy.security_events import PrivacyEventKind
from partners.models import PledgeYear
from partners.security_events import PartnerEventKind
from tests import factories, web_client
from tests.accounts.people import SECOND_STEP, add_app, code_of

pytestmark = pytest.mark.django_db

LIST = "/imagine/admin/core/securityevent/"
LOGIN = "/imagine/admin/login/"
PASSWORD = "correct horse battery staple"
REFUSED = "The activity log cannot be changed"
TABLE = "core_securityevent"


def events(*kinds: str) -> list[tuple]:
    """Return the kind, actor, object and facts of each event, oldest first."""
    rows = SecurityEvent.objects.filter(kind__in=kinds) if kinds else SecurityEvent.objects.all()
    return [(row.kind, row.user_name, row.about, row.facts) for row in rows.order_by("pk")]


@pytest.fixture
def anna() -> User:
    user = User.objects.create_user("anna", password=PASSWORD, is_staff=True)
    forget_events()
    return user


def forget_events() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER; DELETE FROM {TABLE}")
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")


# Actor and address -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:aa:bb:1:2:3:4", "2001:db8:aa::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_ip_address_is_shortened_to_its_network(address, network):
    assert shorten_address(address) == network


def test_an_event_names_the_user_and_network_of_the_request(anna):
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.77")
    request.user = anna
    recorded = []
    security_events.remember_request(
        lambda _request: recorded.append(record_event(SecurityEventKind.EXPORTED, rows=3))
    )(request)
    event = SecurityEvent.objects.get()
    assert [event] == recorded
    assert (event.user, event.user_name, event.network, event.facts) == (anna, "anna", "203.0.113.0/24", {"rows": 3})
    assert timezone.now() - event.created_at < timedelta(minutes=1)


def test_event_outside_a_request_has_no_user():
    event = record_event(MailEventKind.MAILING_CREATED)
    assert (event.user, event.user_name, event.network) == (None, "", "")


def test_event_is_rolled_back_with_its_transaction(anna):
    with transaction.atomic():
        record_event(SecurityEventKind.EXPORTED)
        transaction.set_rollback(True)
    assert events() == []


# Signing in ------------------------------------------------------------------------------------------------------


def test_signing_in_and_out_is_recorded(anna):
    client = Client(REMOTE_ADDR="203.0.113.77")
    device = add_app(anna)
    client.post(LOGIN, {"username": "anna", "password": PASSWORD})
    client.post(SECOND_STEP, {"code": code_of(device)})
    client.post("/imagine/admin/logout/")
    assert events() == [
        (SecurityEventKind.SIGNED_IN, "anna", anna, {}),
        (SecurityEventKind.SIGNED_OUT, "anna", anna, {}),
    ]
    assert set(SecurityEvent.objects.values_list("network", flat=True)) == {"203.0.113.0/24"}


def test_a_failed_sign_in_names_the_account_that_was_tried(anna):
    Client().post(LOGIN, {"username": "anna", "password": "wrong"})
    assert events() == [(SecurityEventKind.SIGN_IN_FAILED, "", anna, {"account": "anna"})]


def test_unknown_username_is_not_recorded():
    """Someone may have typed the password into the wrong field."""
    Client().post(LOGIN, {"username": PASSWORD, "password": "anna"})
    assert events() == [(SecurityEventKind.SIGN_IN_FAILED, "", None, {})]


def test_failed_sign_in_without_a_request_is_recorded(anna):
    authenticate(username="anna", password="wrong")
    assert events() == [(SecurityEventKind.SIGN_IN_FAILED, "", anna, {"account": "anna"})]


@pytest.mark.slow
def test_signing_out_when_not_signed_in_is_not_recorded(anna):
    client = Client()
    client.post("/imagine/admin/logout/")
    assert events() == []


# Accounts and roles ----------------------------------------------------------------------------------------------


def test_account_changes_are_recorded():
    user = User.objects.create_user("bob", password=PASSWORD)
    user.is_staff, user.email = True, "bob@example.org"
    user.save()
    user.set_password("another long password")
    user.save()
    user.save()  # nothing changed
    pk = user.pk
    user.delete()
    assert [row[::3] for row in events()] == [
        (SecurityEventKind.ACCOUNT_CREATED, {"account": "bob"}),
        (SecurityEventKind.ACCOUNT_CHANGED, {"account": "bob", "fields": ["email", "is_staff"]}),
        (SecurityEventKind.PASSWORD_CHANGED, {"account": "bob"}),
        (SecurityEventKind.ACCOUNT_DELETED, {"account": "bob"}),
    ]
    assert set(SecurityEvent.objects.values_list("object_id", flat=True)) == {str(pk)}


def test_role_changes_are_recorded_from_both_sides(anna):
    role = Group.objects.create(name="Readers")
    anna.groups.add(role)
    anna.groups.clear()
    role.user_set.add(anna)
    role.user_set.clear()
    added, removed = (
        (SecurityEventKind.ROLE_CHANGED, "", anna, {"account": "anna", "added": ["Readers"]}),
        (SecurityEventKind.ROLE_CHANGED, "", anna, {"account": "anna", "removed": ["Readers"]}),
    )
    assert events() == [added, removed, added, removed]


@pytest.mark.slow
def test_permission_changes_of_roles_and_accounts_are_recorded(anna):
    role, permission = Group.objects.create(name="Readers"), Permission.objects.get(codename="view_rsvp")
    role.permissions.set([permission])
    role.permissions.set([permission])
    anna.user_permissions.add(permission)
    anna.user_permissions.set([])
    assert events() == [
        (SecurityEventKind.ROLE_CHANGED, "", role, {"role": "Readers", "added": ["summit.view_rsvp"]}),
        (SecurityEventKind.ROLE_CHANGED, "", anna, {"account": "anna", "added": ["summit.view_rsvp"]}),
        (SecurityEventKind.ROLE_CHANGED, "", anna, {"account": "anna", "removed": ["summit.view_rsvp"]}),
    ]


@pytest.mark.slow
def test_renaming_and_deleting_a_role_is_recorded(anna):
    role = Group.objects.create(name="Readers")
    role.user_set.add(anna)
    forget_events()
    role.name = "Viewers"
    role.save()
    role.save()
    role.delete()
    assert [(kind, facts) for kind, _who, _about, facts in events()] == [
        (SecurityEventKind.ROLE_CHANGED, {"role": "Readers", "renamed": "Viewers"}),
        (SecurityEventKind.ROLE_CHANGED, {"role": "Viewers", "removed": ["anna"]}),
        (SecurityEventKind.RECORD_DELETED, {"role": "Viewers"}),
    ]


@pytest.mark.slow
def test_a_deleted_account_keeps_its_name_in_the_log(anna):
    record_event(SecurityEventKind.EXPORTED, user=anna)
    anna.delete()
    event = SecurityEvent.objects.filter(kind=SecurityEventKind.EXPORTED).get()
    assert event.user_name == "anna"


# Append-only -----------------------------------------------------------------------------------------------------

STATEMENTS = {
    "UPDATE": f"UPDATE {TABLE} SET user_name = 'somebody else'",
    "DELETE": f"DELETE FROM {TABLE}",
    "TRUNCATE": f"TRUNCATE {TABLE}",
}


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_to_change_the_log(statement):
    """This includes the table's owner and superusers, such as the test user."""
    event = record_event(SecurityEventKind.EXPORTED)
    with pytest.raises(ProgrammingError, match=rf"{REFUSED} \({statement} refused\)"):
        execute(STATEMENTS[statement])
    assert SecurityEvent.objects.get() == event


@pytest.mark.parametrize("change", [lambda rows: rows.update(user_name=""), lambda rows: rows.delete()])
def test_the_orm_cannot_change_the_log(change):
    record_event(SecurityEventKind.EXPORTED)
    with pytest.raises(ProgrammingError, match=REFUSED), transaction.atomic():
        change(SecurityEvent.objects.all())
    assert SecurityEvent.objects.count() == 1


def test_application_role_can_only_read_and_add_events():
    """Uses a separate role for the application, as the README describes."""
    record_event(SecurityEventKind.EXPORTED)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE imagine_app")
        cursor.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO imagine_app")
        cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO imagine_app")
        cursor.execute(f"REVOKE UPDATE, DELETE ON {TABLE} FROM imagine_app")
        cursor.execute("SET LOCAL ROLE imagine_app")
    record_event(SecurityEventKind.EXPORTED)
    assert SecurityEvent.objects.count() == 2
    for statement in STATEMENTS.values():
        with pytest.raises(ProgrammingError, match="permission denied"):
            execute(statement)
    assert security_events.delete_old_events() == 0
    assert SecurityEvent.objects.count() == 2


def test_events_older_than_two_years_are_deleted():
    old = SecurityEvent.objects.create(kind=SecurityEventKind.EXPORTED, created_at=timezone.now() - timedelta(days=732))
    recent = SecurityEvent.objects.create(
        kind=SecurityEventKind.EXPORTED, created_at=timezone.now() - timedelta(days=729)
    )
    assert security_events.delete_old_events() == 1
    assert list(SecurityEvent.objects.all()) == [recent]
    assert old not in SecurityEvent.objects.all()


# The page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def reader() -> Client:
    return web_client.staff_client("view_securityevent")


def listed_ids(client: Client, query: str = "") -> list[int]:
    return [event.pk for event in client.get(f"{LIST}{query}").context["cl"].result_list]


def test_the_page_shows_who_did_what(reader, anna):
    event = record_event(
        SecurityEventKind.LINK_REPLACED, factories.rsvp(factories.event()), user=anna, filters={"sector": "labor"}
    )
    text = web_client.page_text(reader.get(LIST))
    assert f"anna Personal link replaced RSVP {event.object_id} filters: sector = labor" in text
    assert "Alma" not in text
    assert "When Who What About Details Network Number" in text
    assert "1 activity entry" in text
    page_text = web_client.page_text(reader.get(f"{LIST}{event.pk}/change/"))
    assert f"Who: anna What: Personal link replaced About: RSVP {event.object_id} Details: filters: sector" in page_text


def test_page_shows_lists_and_fields_by_their_labels(reader):
    event = factories.event()
    record_event(SecurityEventKind.SETTING_CHANGED, event, fields=["starts_at", "gone"])
    record_event(SecurityEventKind.SEVERAL_CHANGED, list="partners.pledgeyear", rows=3, action="close_years")
    record_event(SecurityEventKind.SEVERAL_CHANGED, list="summit.gone", rows=2)
    page = web_client.page_text(reader.get(LIST))
    starts_at, years = type(event)._meta.get_field("starts_at"), PledgeYear._meta
    assert f"changes: {starts_at.verbose_name}, gone" in page
    assert f"list: {years.verbose_name_plural} rows: 3 action: close years" in page
    assert "list: summit.gone" in page


def test_page_can_be_searched_and_filtered(reader, anna):
    exported = record_event(SecurityEventKind.EXPORTED, user=anna)
    merged = record_event(PartnerEventKind.ORGANIZATIONS_MERGED)
    assert listed_ids(reader, "?q=anna") == [exported.pk]
    assert listed_ids(reader, f"?q={merged.pk}") == [merged.pk]
    assert listed_ids(reader, "?kind__exact=organizations_merged") == [merged.pk]
    today = timezone.localdate()
    assert listed_ids(reader, f"?created_at__year={today.year}")[-1] == exported.pk
    assert listed_ids(reader, f"?created_at__year={today.year - 1}") == []


def test_kinds_of_all_apps_can_be_filtered_by(reader):
    text = web_client.page_text(reader.get(LIST))
    for kinds in (SecurityEventKind, AccountEventKind, MailEventKind, PartnerEventKind, PrivacyEventKind):
        assert [kind for kind in kinds if str(kind.label) not in text] == []
    values = [value for value, _label in security_event_kinds()]
    assert len(values) == len(set(values)) == 32


def test_page_is_read_only(reader):
    event = record_event(SecurityEventKind.EXPORTED)
    change = f"{LIST}{event.pk}/change/"
    for url in (f"{LIST}add/", f"{LIST}{event.pk}/delete/"):
        assert reader.get(url).status_code == 403
        assert reader.post(url, {"post": "yes"}).status_code == 403
    assert reader.get(change).status_code == 200
    assert reader.post(change, {"user_name": "somebody"}).status_code == 403
    assert "_save" not in reader.get(change).content.decode()
    web_client.run_action(reader, LIST, "delete_selected", [event])
    assert SecurityEvent.objects.filter(pk=event.pk, user_name="").exists()


def test_page_is_forbidden_without_the_permission():
    assert web_client.staff_client("view_rsvp").get(LIST).status_code == 403


@pytest.mark.slow
def test_the_page_takes_the_same_queries_for_one_row_and_thirty(reader, anna):
    record_event(SecurityEventKind.SIGNED_IN, anna, user=anna)
    few_queries = web_client.query_counts(reader.get, [LIST])
    for _ in range(30):
        record_event(SecurityEventKind.SIGNED_IN, anna, user=anna)
    assert web_client.query_counts(reader.get, [LIST]) == few_queries
