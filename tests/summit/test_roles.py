"""What each role of staff may do in the admin."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from summit import roles
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def member(role: str) -> Client:
    roles.create_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def lists() -> dict[str, str]:
    """The address of each list in the admin, by its model."""
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
        ("Viewer", {"auth.Group", "auth.User", "mail.Message"}),
    ],
)
def test_role_opens_every_list_but_these(role, closed):
    client = member(role)
    assert client.get(reverse("admin:index")).status_code == 200
    answers = {label: client.get(address).status_code for label, address in lists().items()}
    assert {label for label, status in answers.items() if status == 403} == closed
    assert set(answers.values()) == {200, 403}


def test_viewer_reads_an_rsvp_and_takes_the_guest_list_away_but_changes_nothing():
    rsvp = factories.rsvp(factories.event(), size=2)
    client = member("Viewer")
    page = reverse("admin:summit_rsvp_change", args=[rsvp.pk])
    shown = client.get(page)
    assert "Alma Reyes" in shown.content.decode()
    assert rsvp.token not in shown.content.decode()
    before = snapshots.tables(but=("auth.User", "accounts.StaffSession"))
    assert client.post(page, {"name": "Somebody"}).status_code == 403
    assert client.post(reverse("admin:summit_event_change", args=[rsvp.event_id]), {"capacity": 1}).status_code == 403
    listed = reverse("admin:summit_rsvp_changelist")
    for action in ("cancel", "promote", "mail_again"):
        client.post(listed, {"action": action, "_selected_action": [rsvp.pk]})
    assert snapshots.tables(but=("auth.User", "accounts.StaffSession")) == before


def test_community_relations_change_an_event():
    event = factories.event()
    client = member("Community Relations")
    assert b"_save" in client.get(reverse("admin:summit_event_change", args=[event.pk])).content


def test_making_roles_twice_keeps_what_a_superuser_added(capsys):
    call_command("make_roles")
    viewer = Group.objects.get(name="Viewer")
    may = set(viewer.permissions.values_list("codename", flat=True))
    assert {code.partition("_")[0] for code in may} == {"view"}
    assert "view_message" not in may
    extra = Group.objects.get(name="Community Relations").permissions.get(codename="add_rsvp")
    viewer.permissions.add(extra)
    capsys.readouterr()
    call_command("make_roles")
    assert capsys.readouterr().out == "Community Relations: 0 permissions given\nViewer: 0 permissions given\n"
    assert extra in viewer.permissions.all()
