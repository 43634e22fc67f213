"""The admin's start page besides its to-do list: what went out, and where everything is."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from imagine.access import roles
from imagine.mail.models import Message
from imagine.office import jobs, week
from imagine.office.jobs import JOBS
from partners.emails.kinds import PledgeEmailKind
from summit.emails.kinds import SummitEmailKind
from tests import factories, web_client
from tests.office.test_to_do import START, member, message, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser() -> User:
    return User.objects.create_superuser("staff")


@pytest.fixture
def staff(superuser) -> Client:
    return signed_in(superuser)


def links(client: Client) -> dict[str, list[str]]:
    """Return the names of the links in each group of the start page."""
    request = client.get(START).wsgi_request
    groups = jobs.job_groups(request.user, admin.site.get_app_list(request))
    return {str(group.name): [str(link.name) for link in group.links] for group in groups}


# What went out ----------------------------------------------------------------------------------------------------


def test_week_counts_mailings_and_automatic_emails(staff, superuser):
    mailing = factories.write_mailing(factories.event(), factories.person("Alma"), factories.person("Ben"))
    first = mailing.messages.first()
    Message.objects.filter(pk=first.pk).update(state="sent", sent_at=timezone.now())
    kinds = [
        "rsvp_confirmed",
        "rsvp_changed",
        "pledge_signed",
        "reminder_week",
        "invitation_link",
        "thanks",
        "a new kind",
    ]
    for number, kind in enumerate(kinds):
        message(number, "sent", kind=kind, sent_at=timezone.now() - timedelta(days=6))
    message(20, "sent", kind="rsvp_confirmed", sent_at=timezone.now() - timedelta(days=8))
    message(21, "queued", kind="rsvp_confirmed")
    message(22, "sent", kind="account_created", sent_at=timezone.now(), about=superuser)
    found = week.sent_this_week(member(roles.COMMUNITY_RELATIONS))
    assert [(sent.mailing, sent.sent) for sent in found.mailings] == [(mailing, 1)]
    assert [(str(label), sent) for label, sent in found.automatic] == [
        ("RSVP confirmations and changes", 2),
        ("Invitations", 1),
        ("Other emails", 1),
        ("Pledges and certificates", 1),
        ("Reminders", 1),
        ("Thank-you emails", 1),
    ]
    text = web_client.page_text(staff.get(START))
    assert f"Sent in the last 7 days Mailings Emails {mailing.title} 1 Automatic emails Emails" in text


def test_week_without_email(staff):
    assert "Sent in the last 7 days No emails went out." in web_client.page_text(staff.get(START))


def test_each_kind_of_email_to_guests_and_partners_has_a_label():
    assert set(week.LABELS) == {*SummitEmailKind, *PledgeEmailKind}


# Where everything is ----------------------------------------------------------------------------------------------


def test_lists_are_grouped_by_job_with_an_explanation(staff):
    assert links(staff) == {
        "Events": ["Events", "RSVPs", "Invitations", "Audiences", "Match organizations"],
        "Partners": [
            *("Organizations", "Contacts", "Pledges", "Promises", "Coverage", "Possible duplicates", "Imports"),
        ],
        "Email": ["Emails to guests", "Mailings", "Sent email", "Email templates", "Email preferences"],
        "Setup": [
            *("School years", "Promise types", "Schools", "Learned words", "Staff accounts", "Find a person", "Holds"),
            "Erasures",
            "Activity entries",
        ],
        "Other records": ["Staff roles"],
    }
    assert all(explanation for job in JOBS for _place, explanation in job.places)
    assert "Invited people and their answers." in web_client.page_text(staff.get(START))


@pytest.mark.slow
def test_each_link_opens_for_the_role_that_sees_it(subtests):
    for role in roles.ROLES:
        client = signed_in(member(role))
        request = client.get(START).wsgi_request
        for group in jobs.job_groups(request.user, admin.site.get_app_list(request)):
            for link in group.links:
                with subtests.test(f"{role}: {link.name}"):
                    assert client.get(link.url).status_code == 200
                    assert not link.add_url or client.get(link.add_url).status_code == 200


def test_low_level_lists_are_only_for_superusers():
    office = signed_in(member(roles.COMMUNITY_RELATIONS))
    assert set(links(office)) == {"Events", "Partners", "Email", "Setup"}
    user = User.objects.get(username=roles.COMMUNITY_RELATIONS)
    user.user_permissions.set(Group.objects.none())
    user.groups.first().permissions.add(permission("view_group"))
    assert "Staff roles" not in str(links(signed_in(User.objects.get(pk=user.pk))))


def permission(codename: str):
    return roles.Permission.objects.get(codename=codename)


def test_viewers_see_no_button_that_they_cannot_use():
    event = factories.event()
    page = signed_in(member(roles.VIEWER)).get(START)
    text = web_client.page_text(page)
    assert "Imagine Promise Summit" in text
    for label in ("Add", "Invite people", "Add phone RSVP", "Sent email", "Holds", "Find a person"):
        assert label not in text
    assert f"summit/event/{event.pk}/change/" in page.content.decode(), "they may read it"


def test_check_in_desk_sees_only_why_there_is_nothing(client):
    factories.rsvp(factories.event())
    text = web_client.page_text(signed_in(member(roles.CHECK_IN_DESK)).get(START))
    assert "Where things stand Your role doesn’t open anything here yet." in text
    assert "Summit" not in text


def test_page_of_an_app_lists_its_tables_without_the_start_page(staff):
    text = web_client.page_text(staff.get("/imagine/admin/summit/"))
    assert "To do" not in text
    assert "Audiences" in text
