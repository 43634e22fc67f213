"""What each staff role may do in the admin."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client, RequestFactory
from django.urls import reverse

from imagine.access import roles
from imagine.core.admin.actions import only_reads
from imagine.mail.models import Message
from tests import factories, snapshots, web_client
from tests.web_client import page_text

pytestmark = pytest.mark.django_db


def member(role: str) -> Client:
    roles.create_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def lists() -> dict[str, str]:
    """Return the URL of each list in the admin, by model."""
    models = [model for model in apps.get_models() if admin.site.is_registered(model)]
    return {
        model._meta.label: reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in models
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "closed"),
    [
        ("Community Relations", {"auth.Group", "auth.User"}),
        (
            "Viewer",
            {"auth.Group", "auth.User", "core.SecurityEvent", "mail.Message", "privacy.Erasure", "privacy.Hold"},
        ),
    ],
)
def test_role_can_open_every_list_except_these(role, closed):
    client = member(role)
    assert client.get(reverse("admin:index")).status_code == 200
    statuses = {label: client.get(address).status_code for label, address in lists().items()}
    assert {label for label, status in statuses.items() if status == 403} == closed
    assert set(statuses.values()) == {200, 403}


def test_viewer_can_read_an_rsvp_but_change_nothing():
    rsvp = factories.rsvp(factories.event(), size=2)
    client = member("Viewer")
    page = reverse("admin:summit_rsvp_change", args=[rsvp.pk])
    response = client.get(page)
    assert "Alma Reyes" in response.content.decode()
    assert rsvp.token not in response.content.decode()
    before = snapshots.tables(exclude=("auth.User", "accounts.StaffSession"))
    assert client.post(page, {"name": "Somebody"}).status_code == 403
    assert client.post(reverse("admin:summit_event_change", args=[rsvp.event_id]), {"capacity": 1}).status_code == 403
    listed = reverse("admin:summit_rsvp_changelist")
    for action in ("cancel", "promote", "mail_again"):
        client.post(listed, {"action": action, "_selected_action": [rsvp.pk]})
    assert snapshots.tables(exclude=("auth.User", "accounts.StaffSession")) == before


def test_community_relations_can_change_an_event():
    event = factories.event()
    client = member("Community Relations")
    assert b"_save" in client.get(reverse("admin:summit_event_change", args=[event.pk]), {"tab": "settings"}).content


def test_make_roles_keeps_permissions_that_a_superuser_added(capsys):
    call_command("make_roles")
    viewer = Group.objects.get(name="Viewer")
    codenames = set(viewer.permissions.values_list("codename", flat=True))
    assert {code.partition("_")[0] for code in codenames} == {"view"}
    assert "view_message" not in codenames
    extra = Group.objects.get(name="Community Relations").permissions.get(codename="add_rsvp")
    viewer.permissions.add(extra)
    capsys.readouterr()
    call_command("make_roles")
    assert capsys.readouterr().out == "".join(f"{role}: 0 permissions added\n" for role in roles.ROLES)
    assert extra in viewer.permissions.all()


@pytest.mark.slow
def test_check_in_desk_cannot_open_any_list():
    client = member("Check-in desk")
    assert client.get(reverse("admin:index")).status_code == 200
    assert {client.get(address).status_code for address in lists().values()} == {403}


def test_each_role_has_exactly_its_listed_permissions():
    """Permissions are listed by hand, so a new model stays closed until someone adds it."""
    roles.create_roles()
    for name, permissions in roles.ROLES.items():
        granted = Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
        assert sorted(f"{label}.{codename}" for label, codename in granted) == sorted(permissions), name
        assert len(permissions) == len(set(permissions)), name


def client_without(permission: str) -> Client:
    """Return a client with the role of Community Relations except for one permission."""
    client = member("Community Relations")
    Group.objects.get(name="Community Relations").permissions.remove(roles.permissions_by_name()[permission])
    return client


@pytest.mark.parametrize(
    ("page", "action"),
    [
        ("summit_rsvp", "replace_rsvp_links"),
        ("partners_pledge", "replace_pledge_links"),
        ("summit_invitation", "replace_links"),
    ],
)
def test_replacing_links_requires_its_own_permission(page, action):
    event = factories.event()
    rows = {
        "summit_rsvp": factories.rsvp(event),
        "partners_pledge": factories.signed_pledge(),
        "summit_invitation": factories.invite(event, factories.person("Ben Cho")),
    }
    row, address = rows[page], reverse(f"admin:{page}_changelist")
    client = client_without("core.replace_links")
    assert f'value="{action}"' not in client.get(address).content.decode()
    web_client.run_action(client, address, action, [row])
    assert type(row).objects.get(pk=row.pk).token == row.token
    role = Group.objects.get(name="Community Relations")
    role.permissions.add(roles.permissions_by_name()["core.replace_links"])
    assert f'value="{action}"' in client.get(address).content.decode()
    web_client.run_action(client, address, action, [row])
    assert type(row).objects.get(pk=row.pk).token != row.token


def test_merging_requires_its_own_permission():
    kept, other = factories.organization("Port Gate"), factories.organization("Port Gate Logistics")
    client, address = (
        client_without("partners.merge_organizations"),
        reverse("admin:partners_merge", args=[kept.pk, other.pk]),
    )
    assert client.post(address, {"shown": "x"}).status_code == 403
    assert b'value="merge_two"' not in client.get(reverse("admin:partners_organization_changelist")).content


def test_lists_offer_only_reading_actions_without_act_on_many():
    """An admin class with actions that doesn't inherit ActionsAdmin fails here."""
    client_without("core.act_on_many")
    request = RequestFactory().post("/", {"_selected_action": ["1", "2"]})
    request.user = User.objects.get()
    offered = {model: page.get_actions(request) for model, page in admin.site._registry.items()}
    changing = [name for actions in offered.values() for name, action in actions.items() if not only_reads(action[0])]
    assert changing == []
    assert {name for actions in offered.values() for name in actions} >= {"guests_csv"}


def test_changing_several_records_requires_its_own_permission():
    event = factories.event()
    rsvps = [factories.rsvp(event, name) for name in ("Alma Reyes", "Ben Cho", "Chue Vang")]
    client, address = client_without("core.act_on_many"), reverse("admin:summit_rsvp_changelist")
    listed = client.get(address).content
    assert b'value="cancel_rsvps"' not in listed
    assert b'value="guests_csv"' in listed
    cancel = {"action": "cancel_rsvps", "_selected_action": [rsvp.pk for rsvp in rsvps[:2]]}
    client.post(address, cancel)
    client.post(address, cancel | {"_selected_action": [rsvps[0].pk], "select_across": "1"})
    assert event.rsvps.filter(canceled_at=None).count() == 3
    asked = client.post(address, cancel | {"_selected_action": [rsvps[2].pk]})
    marks = [f"{rsvp.pk}:{asked.context['rows_shown'].partition(':')[2]}" for rsvp in rsvps]
    client.post(address, web_client.form_fields(asked) | {"rows_shown": ",".join(marks)})  # as if it had shown several
    assert event.rsvps.filter(canceled_at=None).count() == 3
    client.post(address, web_client.form_fields(asked))
    assert event.rsvps.filter(canceled_at=None).count() == 2


def test_matching_several_rsvps_requires_its_own_permission():
    event, gate = factories.event(), factories.organization("Port Gate Logistics")
    rsvps = [factories.rsvp(event, name, organization_name="Port Gate") for name in ("Alma Reyes", "Ben Cho")]
    client, page = client_without("core.act_on_many"), reverse("admin:summit_match", args=[rsvps[0].pk])
    assert "Your choice applies to this RSVP." in page_text(client.get(page))
    assert b'action="/imagine/admin/summit/rsvp/' not in client.get(reverse("admin:summit_to_match")).content
    client.post(page, {"was": "", "choose": gate.pk})
    assert [rsvp.name for rsvp in gate.rsvps.all()] == ["Alma Reyes"]


@pytest.mark.parametrize("button", ["arrived", "resend"])
def test_resolving_several_unknown_emails_requires_its_own_permission(button):
    mailing = factories.write_mailing(factories.event(), *(factories.person(f"Person {n}") for n in range(3)))
    mailing.messages.update(state=Message.State.UNKNOWN)
    client, page = client_without("core.act_on_many"), reverse("admin:mail_mailing_change", args=[mailing.pk])
    assert b'name="all"' not in client.get(page).content
    pks = list(mailing.messages.values_list("pk", flat=True))
    for sent in ({"all": "1"}, {"message": pks[:2]}):
        assert client.post(page, {button: "1"} | sent).status_code == 403
    unknown = mailing.messages.filter(state=Message.State.UNKNOWN)
    assert unknown.count() == 3
    client.post(page, {button: "1", "message": pks[:1]})
    assert unknown.count() == 2
