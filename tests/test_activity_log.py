"""What staff do for which the activity log has a line, rule by rule, in the transaction of the rule."""

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
from tests import factories

pytestmark = pytest.mark.django_db


def recorded(*, since: int = 0) -> list[tuple]:
    """Kind, model and number of what it is about, and facts of each event, oldest first, without those of accounts."""
    accounts = (SecurityEventKind.ACCOUNT_CREATED, SecurityEventKind.SIGNED_IN, SecurityEventKind.ROLE_CHANGED)
    events = SecurityEvent.objects.filter(pk__gt=since).exclude(kind__in=accounts).select_related("content_type")
    return [(e.kind, e.content_type.model, int(e.object_id), e.facts) for e in events.order_by("pk")]


def last_event() -> int:
    newest = SecurityEvent.objects.order_by("pk").last()
    return newest.pk if newest else 0


def one(kind: str, about, **facts) -> list[tuple]:
    return [(kind, about._meta.model_name, about.pk, facts)]


@pytest.fixture
def chief() -> Client:
    client = Client(REMOTE_ADDR="203.0.113.77")
    client.force_login(User.objects.create_superuser("anna"))
    return client


def invited():
    """An event and a mailing that was just started, to one person."""
    event = factories.event()
    return event, factories.start_mailing(event, factories.person("Ben Cho"))


def test_replaced_links_are_logged():
    rsvp = factories.rsvp(factories.event())
    rsvp_links.replace_rsvp_link(rsvp)
    assert recorded() == one(SecurityEventKind.LINK_REPLACED, rsvp)
    pledge, before = factories.signed_pledge(), last_event()
    pledge_links.replace_pledge_link(pledge)
    assert recorded(since=before) == one(SecurityEventKind.LINK_REPLACED, pledge)
    event, _mailing = invited()
    invitation, before = event.invitations.get(), last_event()
    responses.replace_invitation_link(invitation)
    assert recorded(since=before) == one(SecurityEventKind.LINK_REPLACED, invitation)


def test_merge_is_logged():
    kept, other = factories.organization("Port Gate"), factories.organization("Port Gate Logistics")
    number = other.pk
    merging.merge_organizations(kept, other)
    assert recorded() == one(PartnerEventKind.ORGANIZATIONS_MERGED, kept, merged=number)


def test_refused_merge_is_not_logged():
    kept, other = factories.organization("Port Gate"), factories.organization("Port Gate Logistics")
    with pytest.raises(merging.MergePlanOutdated):
        merging.merge_organizations(kept, other, shown="something else")
    assert recorded() == []


def test_mailing_approval_pause_resume_and_stop_are_logged_once():
    _event, mailing = invited()
    approved = one(MailEventKind.MAILING_APPROVED, mailing, template="invitation", recipients=1)
    assert recorded() == approved
    before = last_event()
    for act in (control.pause_mailing, control.resume_mailing, writing.stop_invitations):
        act(mailing)
        act(mailing)  # twice does no harm and is recorded once
    kinds = (MailEventKind.MAILING_PAUSED, MailEventKind.MAILING_RESUMED, MailEventKind.MAILING_STOPPED)
    assert recorded(since=before) == [row for kind in kinds for row in one(kind, mailing)]


def test_change_notice_mailing_is_logged():
    event = factories.event()
    factories.write_mailing(event, factories.person("Ben Cho"))
    Message.objects.update(state=Message.State.SENT, sent_at=timezone.now())
    before = last_event()
    event.venue = "Elsewhere"
    factories.save_event(event)
    notice = Mailing.objects.latest("pk")
    assert recorded(since=before) == one(
        MailEventKind.MAILING_CREATED, notice, template="invitation_moved", recipients=1
    )
    event.venue = "Elsewhere again"  # before it was written
    factories.save_event(event)
    again = Mailing.objects.latest("pk")
    assert [row[:3] for row in recorded(since=before)[1:]] == [
        (MailEventKind.MAILING_STOPPED, "mailing", notice.pk),
        (MailEventKind.MAILING_CREATED, "mailing", again.pk),
    ]


def test_deleted_records_are_logged():
    rsvp = factories.rsvp(factories.event())
    was = one(SecurityEventKind.RECORD_DELETED, rsvp)
    seats.delete_rsvp(rsvp)
    assert recorded() == was
    pledge, before = factories.signed_pledge(), last_event()
    organization = pledge.organization
    contact = organization.contacts.get()
    was = (
        one(SecurityEventKind.RECORD_DELETED, pledge)
        + one(SecurityEventKind.RECORD_DELETED, organization)
        + one(SecurityEventKind.RECORD_DELETED, contact)
    )
    pledge_editing.delete_pledge(pledge)
    contacts.delete_organization(organization)
    assert recorded(since=before) == was


def test_deletions_in_the_admin_are_logged(chief):
    events, audience = [factories.event(slug=slug) for slug in ("one", "two", "three")], factories.audience()
    sure = {"post": "yes"}
    chief.post(reverse("admin:summit_audience_delete", args=[audience.pk]), sure)
    chief.post(reverse("admin:summit_event_delete", args=[events[0].pk]), sure)
    chosen = {"action": "delete_selected", "_selected_action": [event.pk for event in events[1:]]}
    chief.post(reverse("admin:summit_event_changelist"), chosen | sure)
    deleted = SecurityEvent.objects.filter(kind=SecurityEventKind.RECORD_DELETED, user_name="anna").order_by("pk")
    about = [(event.content_type.model, int(event.object_id)) for event in deleted]
    assert about[:2] == [("audience", audience.pk), ("event", events[0].pk)]
    assert sorted(about[2:]) == [("event", event.pk) for event in events[1:]]


def test_changed_settings_are_logged():
    send_rate.set_send_rate(30)
    send_rate.set_send_rate(30)
    rate = SendRate.objects.get()
    assert recorded() == one(SecurityEventKind.SETTING_CHANGED, rate, fields=["per_second"], value=30)
    before, template = last_event(), next(iter(editable_templates.TEMPLATES.values()))
    text = template.default_text("en")
    editable_templates.save_text(template, "en", text._replace(subject=f"{text.subject} Really."))
    editable_templates.restore_default_text(template)
    row = TemplateOverride.objects.get(template=template.code, language="en")
    changed = one(SecurityEventKind.SETTING_CHANGED, row, template=template.code, language="en")
    assert recorded(since=before) == changed * 2
    before, promise_type = last_event(), PromiseType.objects.first()
    checklist.retire(promise_type)
    checklist.retire(promise_type)
    assert recorded(since=before) == one(SecurityEventKind.SETTING_CHANGED, promise_type, fields=["is_retired"])
    before, year = last_event(), factories.pledge_year()
    pledge_years.close_year(year)
    pledge_years.close_year(year)
    assert recorded(since=before) == one(SecurityEventKind.SETTING_CHANGED, year, fields=["closed_at"])


def test_resent_emails_are_logged_once():
    rsvp, pledge = factories.rsvp(factories.event()), factories.signed_pledge()
    [message] = rsvp.messages.all()
    Message.objects.update(state=Message.State.FAILED, created_at=timezone.now() - timedelta(minutes=11))
    before = last_event()
    queue.resend(Message.objects.get(pk=message.pk))
    queue.resend(Message.objects.get(pk=message.pk))  # on its way already
    for _twice in range(2):
        rsvp_links.mail_link_by_staff(rsvp)
        pledge_links.resend_link(pledge)
    events = SecurityEvent.objects.filter(pk__gt=before).order_by("pk")
    assert [(event.kind, event.about) for event in events] == [
        (MailEventKind.EMAIL_RESENT, about) for about in (message, rsvp, pledge)
    ]


def test_action_on_several_records_is_logged(chief):
    event = factories.event()
    rsvps = [factories.rsvp(event, name) for name in ("Alma Reyes", "Ben Cho", "Chue Vang")]
    seats.cancel(rsvps[0])
    page = reverse("admin:summit_rsvp_changelist")
    chief.post(page, {"action": "cancel_rsvps", "_selected_action": [rsvp.pk for rsvp in rsvps[:2]]})
    [line] = SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED)
    assert (line.user_name, line.facts) == ("anna", {"list": "summit.rsvp", "rows": 1, "action": "cancel_rsvps"})
    chief.post(page, {"action": "cancel_rsvps", "_selected_action": [rsvp.pk for rsvp in rsvps[:2]]})  # nothing to do
    chief.post(page, {"action": "cancel_rsvps", "_selected_action": [rsvps[2].pk]})  # one alone
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
    chief.post(page, {"was": rsvps[0].organization_id or "none", "again": "1"})  # one alone
    assert organization_matching.names_to_match().get()["number"] == 1
    assert SecurityEvent.objects.filter(kind=SecurityEventKind.SEVERAL_CHANGED).count() == 1


@pytest.mark.parametrize("button", ["arrived", "resend"])
def test_resolving_several_unknown_emails_is_logged(chief, button):
    mailing = factories.write_mailing(factories.event(), *(factories.person(f"Person {n}") for n in range(3)))
    mailing.messages.update(state=Message.State.UNKNOWN)
    page = reverse("admin:mail_mailing_change", args=[mailing.pk])
    chief.post(page, {button: "1", "message": [mailing.messages.first().pk]})  # one alone
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
    was = one(SecurityEventKind.SETTING_CHANGED, hold, fields=["added"]) + one(
        SecurityEventKind.SETTING_CHANGED, hold, fields=["ends_on"]
    )
    assert recorded() == was


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
    """The canary went through every rule above: its name and address are in none of the log's columns."""
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
