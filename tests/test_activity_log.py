"""What staff do that is recorded in the activity log, rule by rule, in the rule's transaction."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from imagine.core.models import SecurityEvent, SecurityEventKind
from imagine.mail import editable_templates, queue
from imagine.mail.bulk import control, send_rate
from imagine.mail.models import Mailing, Message, SendRate, TemplateOverride
from imagine.mail.security_events import MailEventKind
from imagine.privacy.models import Hold
from partners import checklist
from partners.models import PromiseType
from partners.organizations import contacts, merging
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import years as pledge_years
from partners.security_events import PartnerEventKind
from summit import organization_matching, rsvp_links, seats
from summit.invitations import responses, writing
from tests import factories, web_client

pytestmark = pytest.mark.django_db


def recorded(*, since: int = 0) -> list[tuple]:
    """Return the kind, model, key and facts of each event, oldest first, without those about accounts."""
    accounts = (SecurityEventKind.ACCOUNT_CREATED, SecurityEventKind.SIGNED_IN, SecurityEventKind.ROLE_CHANGED)
    events = SecurityEvent.objects.filter(pk__gt=since).exclude(kind__in=accounts).select_related("content_type")
    return [(each.kind, each.content_type.model, int(each.object_id), each.facts) for each in events.order_by("pk")]


def last_event_pk() -> int:
    newest = SecurityEvent.objects.order_by("pk").last()
    return newest.pk if newest else 0


def event_line(kind: str, about, **facts) -> list[tuple]:
    return [(kind, about._meta.model_name, about.pk, facts)]


@pytest.fixture
def chief() -> Client:
    client = Client(REMOTE_ADDR="203.0.113.77")
    client.force_login(User.objects.create_superuser("anna"))
    return client


def invited():
    """An event with a mailing to one person that was just started."""
    event = factories.event()
    return event, factories.start_mailing(event, factories.person("Ben Cho"))


def test_replaced_links_are_logged():
    rsvp = factories.rsvp(factories.event())
    rsvp_links.replace_rsvp_link(rsvp)
    assert recorded() == event_line(SecurityEventKind.LINK_REPLACED, rsvp)
    pledge, before = factories.signed_pledge(), last_event_pk()
    pledge_links.replace_pledge_link(pledge)
    assert recorded(since=before) == event_line(SecurityEventKind.LINK_REPLACED, pledge)
    event, _mailing = invited()
    invitation, before = event.invitations.get(), last_event_pk()
    responses.replace_invitation_link(invitation)
    assert recorded(since=before) == event_line(SecurityEventKind.LINK_REPLACED, invitation)


def test_merge_is_logged():
    kept, other = factories.organization("Port Gate"), factories.organization("Port Gate Logistics")
    number = other.pk
    merging.merge_organizations(kept, other)
    assert recorded() == event_line(PartnerEventKind.ORGANIZATIONS_MERGED, kept, merged=number)


def test_refused_merge_is_not_logged():
    kept, other = factories.organization("Port Gate"), factories.organization("Port Gate Logistics")
    with pytest.raises(merging.MergePlanOutdated):
        merging.merge_organizations(kept, other, shown="something else")
    assert recorded() == []


def test_mailing_approval_pause_resume_and_stop_are_logged_once():
    _event, mailing = invited()
    approved = event_line(MailEventKind.MAILING_APPROVED, mailing, template="invitation", recipients=1)
    assert recorded() == approved
    before = last_event_pk()
    for function in (control.pause_mailing, control.resume_mailing, writing.stop_invitations):
        function(mailing)
        function(mailing)  # repeating it does no harm and isn't recorded
    kinds = (MailEventKind.MAILING_PAUSED, MailEventKind.MAILING_RESUMED, MailEventKind.MAILING_STOPPED)
    assert recorded(since=before) == [row for kind in kinds for row in event_line(kind, mailing)]


def test_change_notice_mailing_is_logged():
    event = factories.event()
    factories.write_mailing(event, factories.person("Ben Cho"))
    Message.objects.update(state=Message.State.SENT, sent_at=timezone.now())
    before = last_event_pk()
    event.venue = "Elsewhere"
    factories.save_event(event)
    notice = Mailing.objects.latest("pk")
    assert recorded(since=before) == event_line(
        MailEventKind.MAILING_CREATED, notice, template="invitation_moved", recipients=1
    )
    event.venue = "Elsewhere again"  # before the invitation was written
    factories.save_event(event)
    new_mailing = Mailing.objects.latest("pk")
    assert [row[:3] for row in recorded(since=before)[1:]] == [
        (MailEventKind.MAILING_STOPPED, "mailing", notice.pk),
        (MailEventKind.MAILING_CREATED, "mailing", new_mailing.pk),
    ]


def test_deleted_records_are_logged():
    rsvp = factories.rsvp(factories.event())
    expected = event_line(SecurityEventKind.RECORD_DELETED, rsvp)
    seats.delete_rsvp(rsvp)
    assert recorded() == expected
    pledge, before = factories.signed_pledge(), last_event_pk()
    organization = pledge.organization
    contact = organization.contacts.get()
    expected = (
        event_line(SecurityEventKind.RECORD_DELETED, pledge)
        + event_line(SecurityEventKind.RECORD_DELETED, organization)
        + event_line(SecurityEventKind.RECORD_DELETED, contact)
    )
    pledge_editing.delete_pledge(pledge)
    contacts.delete_organization(organization)
    assert recorded(since=before) == expected


def test_deletions_in_the_admin_are_logged(chief):
    events, audience = [factories.event(slug=slug) for slug in ("one", "two", "three")], factories.audience()
    confirmed = {"post": "yes"}
    chief.post(reverse("admin:summit_audience_delete", args=[audience.pk]), confirmed)
    chief.post(reverse("admin:summit_event_delete", args=[events[0].pk]), confirmed)
    web_client.run_action(chief, reverse("admin:summit_event_changelist"), "delete_selected", events[1:])
    deleted = SecurityEvent.objects.filter(kind=SecurityEventKind.RECORD_DELETED, user_name="anna").order_by("pk")
    about = [(event.content_type.model, int(event.object_id)) for event in deleted]
    assert about[:2] == [("audience", audience.pk), ("event", events[0].pk)]
    assert sorted(about[2:]) == [("event", event.pk) for event in events[1:]]


def test_changed_settings_are_logged():
    send_rate.set_send_rate(30)
    send_rate.set_send_rate(30)
    rate = SendRate.objects.get()
    assert recorded() == event_line(SecurityEventKind.SETTING_CHANGED, rate, fields=["per_second"], value=30)
    before, template = last_event_pk(), next(iter(editable_templates.TEMPLATES.values()))
    text = template.default_text("en")
    editable_templates.save_text(template, "en", text._replace(subject=f"{text.subject} Really."))
    editable_templates.restore_default_text(template)
    row = TemplateOverride.objects.get(template=template.code, language="en")
    changed = event_line(SecurityEventKind.SETTING_CHANGED, row, template=template.code, language="en")
    assert recorded(since=before) == changed * 2
    before, promise_type = last_event_pk(), PromiseType.objects.first()
    checklist.retire(promise_type)
    checklist.retire(promise_type)
    assert recorded(since=before) == event_line(SecurityEventKind.SETTING_CHANGED, promise_type, fields=["is_retired"])
    before, year = last_event_pk(), factories.pledge_year()
    pledge_years.close_year(year)
    pledge_years.close_year(year)
    assert recorded(since=before) == event_line(SecurityEventKind.SETTING_CHANGED, year, fields=["closed_at"])


def test_resent_emails_are_logged_once():
    rsvp, pledge = factories.rsvp(factories.event()), factories.signed_pledge()
    [message] = rsvp.messages.all()
    Message.objects.update(state=Message.State.FAILED, created_at=timezone.now() - timedelta(minutes=11))
    before = last_event_pk()
    queue.resend(Message.objects.get(pk=message.pk))
    queue.resend(Message.objects.get(pk=message.pk))  # already queued
    for _twice in range(2):
        rsvp_links.mail_link_by_staff(rsvp)
        pledge_links.resend_link(pledge)
    events = SecurityEvent.objects.filter(pk__gt=before).order_by("pk")
    assert [(event.kind, event.about) for event in events] == [
        (MailEventKind.EMAIL_RESENT, about) for about in (message, rsvp, pledge)
    ]


def test_action_on_several_records_is_logged(chief):
    event = factories.event()
    rsvps = [factories.rsvp(event, name) for name in ("Alma Reyes", "Ben Cho", "Chue Vang", "Dee Núñez")]
    seats.cancel(rsvps[0])
    page = reverse("admin:summit_rsvp_changelist")
    web_client.run_action(chief, page, "cancel_rsvps", rsvps[:3])
    [line] = SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED)
    assert (line.user_name, line.facts) == ("anna", {"list": "summit.rsvp", "rows": 2, "action": "cancel_rsvps"})
    web_client.run_action(chief, page, "cancel_rsvps", rsvps[:3])  # nothing to do
    web_client.run_action(chief, page, "cancel_rsvps", [rsvps[3]])  # a single one
    assert SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED).count() == 1


@pytest.mark.parametrize("decision", ["choose", "none", "new"])
def test_matching_several_rsvps_is_logged(chief, decision):
    event, gate = factories.event(), factories.organization("Port Gate Logistics")
    rsvps = [factories.rsvp(event, name, organization_name="Port Gate") for name in ("Alma Reyes", "Ben Cho")]
    page = reverse("admin:summit_match", args=[rsvps[0].pk])
    sent = {"choose": gate.pk} if decision == "choose" else {decision: "1", "name": "Gate"}
    chief.post(page, {"was": ""} | sent)
    [line] = SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED)
    assert line.facts == {"list": "summit.rsvp", "rows": 2, "action": "match_organization"}
    rsvps[0].refresh_from_db()
    chief.post(page, {"was": rsvps[0].organization_id or "none", "again": "1"})  # a single one
    assert organization_matching.names_to_match().get()["number"] == 1
    assert SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED).count() == 1


@pytest.mark.parametrize("button", ["arrived", "resend"])
def test_resolving_several_unknown_emails_is_logged(chief, button):
    mailing = factories.write_mailing(factories.event(), *(factories.person(f"Person {n}") for n in range(3)))
    mailing.messages.update(state=Message.State.UNKNOWN)
    page = reverse("admin:mail_mailing_change", args=[mailing.pk])
    chief.post(page, {button: "1", "message": [mailing.messages.first().pk]})  # a single one
    assert not SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED).exists()
    chief.post(page, {button: "1", "all": "1"})
    [line] = SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED)
    assert line.facts == {"list": "mail.message", "rows": 2, "action": button}


def test_changes_to_a_hold_are_logged(chief):
    page = reverse("admin:privacy_hold_add")
    fields = {"email": "canary@example.org", "reason": "Public records request", "ends_on": "2030-01-01"}
    assert chief.post(page, fields).status_code == 302
    hold = Hold.objects.get()
    chief.post(reverse("admin:privacy_hold_change", args=[hold.pk]), fields | {"ends_on": "2020-01-01"})
    expected = event_line(SecurityEventKind.SETTING_CHANGED, hold, fields=["added"]) + event_line(
        SecurityEventKind.SETTING_CHANGED, hold, fields=["ends_on"]
    )
    assert recorded() == expected


def test_email_preview_is_logged(chief):
    factories.rsvp(factories.event())
    message = Message.objects.get()
    chief.get(reverse("admin:mail_message_preview", args=[message.pk]))
    event = SecurityEvent.objects.get(kind=MailEventKind.EMAIL_VIEWED)
    assert (event.user.username, event.network, event.about) == ("anna", "203.0.113.0/24", message)


def test_rolled_back_change_is_not_logged():
    rsvp = factories.rsvp(factories.event())
    with transaction.atomic():
        rsvp_links.replace_rsvp_link(rsvp)
        transaction.set_rollback(True)
    assert recorded() == []


def test_log_contains_no_guest_data():
    """A guest's name and address went through every rule above, and the log contains neither."""
    event = factories.event()
    rsvp = factories.rsvp(event, "Canary Yellow", email="canary@example.org")
    rsvp_links.replace_rsvp_link(rsvp)
    person = factories.person("Canary Yellow", email="canary@example.com")
    factories.start_mailing(event, person)
    seats.delete_rsvp(rsvp)
    contacts.delete_contact(person)
    rows = json.dumps(list(SecurityEvent.objects.values("facts", "user_name", "network", "object_id")))
    assert SecurityEvent.objects.count() == 4
    assert "canary" not in rows.casefold()
