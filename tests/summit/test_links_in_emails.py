"""Email scanners open every link of every email with GET and HEAD. Nothing changes, and every link works."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from imagine.mail.models import Mailing, Message
from partners import tasks as partners_tasks
from partners.emails.kinds import PledgeEmailKind as PledgeEmailKind
from partners.pledges import links as pledge_links
from partners.pledges import renewal
from partners.pledges import staff as staff_pledges
from summit import date_alerts, rsvp_links, seats
from summit.emails.kinds import SummitEmailKind
from summit.invitations import links as invitation_links
from summit.invitations import responses, writing
from summit.models import DateAlert, Invitation, Rsvp, StaffEmail
from summit.reminders import sending as reminder_sending
from summit.staff_emails import recipients, starting
from tests import factories, snapshots
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# Only these kinds are tested, so add new kinds of email here.
KINDS = {*SummitEmailKind.values, *PledgeEmailKind.values} - {SummitEmailKind.INVITATION_MERGED}


def create_emails() -> list[Message]:
    """Create every kind of email that the product sends."""
    create_rsvp_emails()
    create_event_emails()
    create_invitation_emails()
    create_pledge_emails()
    create_renewal_email()
    create_staff_email()
    create_date_emails()
    return list(Message.objects.all())


def create_rsvp_emails() -> None:
    event = factories.event(capacity=3)
    first = factories.rsvp(event, "First", size=3)
    factories.rsvp(event, "Waits")
    seats.change_party_size(first, size=2)
    rsvp_links.mail_rsvp_link(first)
    Message.objects.update(state="sent", sent_at=timezone.now())  # unsent email with the old link is deleted
    rsvp_links.replace_rsvp_link(first)
    seats.cancel(first)


def create_event_emails() -> None:
    moved = factories.rsvp(factories.event(slug="moved"))
    moved.event.venue = "Stockton Civic Auditorium"
    factories.save_event(moved.event)
    factories.cancel_event(factories.rsvp(factories.event(slug="off")).event)
    party = reminder_fixtures.rsvp(reminder_fixtures.event(), size=2, checked_in=1)
    for month, day in ((3, 31), (4, 4), (4, 6), (4, 8)):
        reminder_sending.send_due_reminders(moment(month, day, 9))
        reminder_fixtures.send_queued(moment(month, day, 9))
    assert Rsvp.objects.filter(pk=party.pk).exists()


def create_invitation_emails() -> None:
    event = factories.event(slug="kick-off")
    factories.invite(event, factories.person("Asked Once"))
    Message.objects.filter(content_type__model="invitation").update(state="sent", sent_at=timezone.now())
    reminder_sending.send_due_reminders(timezone.now() + timedelta(days=8))
    invitation_links.mail_invitation_link(event.invitations.get())
    write_and_send()
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    write_and_send()
    canceled_event = factories.event(slug="called-off")
    factories.invite(canceled_event, factories.person("Asked Twice"))
    write_and_send()
    factories.cancel_event(canceled_event)
    write_and_send()
    factories.invite(factories.event(slug="replaced"), factories.person("Asked Again"))
    write_and_send()
    responses.replace_invitation_link(Invitation.objects.latest("pk"))


def write_and_send() -> None:
    for mailing in Mailing.objects.unrendered():
        writing.write_mailing(mailing)
    Message.objects.filter(content_type__model="invitation").update(state="sent", sent_at=timezone.now())


def create_pledge_emails() -> None:
    pledge_links.email_link(factories.signed_pledge("Signed", "signed@example.org"))
    draft = factories.draft_pledge("Draft", "draft@example.org")
    factories.backdate_pledge(draft, 6)
    partners_tasks.remind_drafts()
    Message.objects.update(state="sent", sent_at=timezone.now())
    pledge_links.replace_pledge_link(draft)
    organization = factories.organization("Begun")
    factories.contact(organization, "begun@example.org")
    staff_pledges.start_pledge_for(organization, emails_link=True)


def create_renewal_email() -> None:
    year = factories.pledge_year(2028)
    partners = renewal.to_email(renewal.last_years_partners(year))
    renewal.invite_last_years_partners(year, mark=renewal.fingerprint_partners(partners), by="office")


def create_staff_email() -> None:
    event = factories.event(slug="parking")
    factories.rsvp(event, "Parks")
    email = StaffEmail.objects.create(event=event, statuses=["confirmed"], subject="Parking", text="Park in lot B.")
    people = recipients.find_recipients(email)
    mark = recipients.fingerprint_email(email, people)
    writing.write_mailing(starting.start_staff_email(email, count=len(people), mark=mark, by="office"))


def create_date_emails() -> None:
    date_alerts.request_alert("date@example.org", "en")
    alert = DateAlert.objects.get()
    date_alerts.email_alert_link(alert.pk)
    date_alerts.confirm_alert(alert)
    date_alerts.announce_date()


def links_of(message: Message) -> set[str]:
    urls = re.findall(
        r"https?://[^\s\"'<>]+", f"{message.body_text} {unescape(message.body_html)} {message.unsubscribe_url}"
    )
    own_urls = {link.rstrip(".,)") for link in urls if link.startswith("http://testserver/")}
    return {link.removeprefix("http://testserver").partition("#")[0] for link in own_urls}


def test_opening_the_links_of_every_email_changes_nothing(settings):
    settings.SITE_URL = "http://testserver"
    messages = create_emails()
    sent_kinds = {message.kind for message in messages}
    assert sent_kinds == KINDS
    before = snapshots.tables(exclude=("core.RateLimitCount",))
    links = {link for message in messages for link in links_of(message)}
    assert len(links) > len(KINDS)
    statuses = {}
    for link in sorted(links):
        for method in ("get", "head"):
            statuses[link, method] = getattr(Client(), method)(link).status_code
    assert set(statuses.values()) <= {200, 302, 404}
    replaced = [link for (link, _method), code in statuses.items() if code == 404]
    assert len(replaced) <= 2 * 5, replaced  # links in emails sent before staff replaced the link
    assert snapshots.tables(exclude=("core.RateLimitCount",)) == before
