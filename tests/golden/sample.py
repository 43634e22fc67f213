"""The data behind the golden files: a few rows of everything, and one email of each kind.

This is the only module of tests/test_golden.py that calls our own code, so renames only affect this module. Names and
dates are fixed because they appear in titles and subjects.
"""

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation

from imagine.accounts import emails as account_messages
from imagine.accounts import second_factor
from imagine.mail import preferences, queue
from imagine.mail.models import Mailing, Message
from partners.imports import workflow as import_workflow
from partners.organizations import duplicates
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import renewal
from partners.pledges import staff as staff_pledges
from partners.pledges import years as pledge_years
from summit import date_alerts, rsvp_links, seats
from summit.invitations import links as invitation_links
from summit.invitations import responses, writing
from summit.models import DateAlert, StaffEmail
from summit.reminders import sending as reminder_sending
from summit.staff_emails import recipients, starting
from tests import factories
from tests.partners.import_files import as_csv, row, table
from tests.summit import reminder_fixtures
from tests.summit.reminder_fixtures import moment

LANGUAGES = [code for code, _name in settings.LANGUAGES]
NAMES = {"en": "Alma Reyes", "es": "Luz Reyes"}
ORGANIZATIONS = {"en": "Port Gate Logistics", "es": "Delta Orchards"}


# Emails ------------------------------------------------------------------------------------------------------------


def kind_of(message: Message) -> str:
    """Return the product's name for this kind of email."""
    return message.kind


def describe_email(message: Message) -> dict[str, str]:
    """Return the email's parts, by names that don't depend on column names."""
    return {
        "language": message.language,
        "to": message.recipient,
        "subject": message.subject,
        "text": message.body_text,
        "calendar": message.ics_method,
        "attachment": message.attachment_name,
        "kind": kind_of(message),
        "queue": message.queue,
        "unsubscribe": message.unsubscribe_url,
    }


class Mailbox:
    """Collects messages stored since the last call, under a heading."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []

    def collect(self, heading: str) -> list[Message]:
        """Messages collected so far count as sent."""
        collected = [message.pk for _heading, message in self.sent]
        new_messages = list(Message.objects.exclude(pk__in=collected).order_by("created_at", "recipient"))
        new_messages.sort(key=lambda message: (LANGUAGES.index(message.language), message.recipient, message.subject))
        self.sent += [(heading, message) for message in new_messages]
        return new_messages


def mark_sent(*messages: Message) -> None:
    """Mark messages as sent on March 10, 2061."""
    pks = [message.pk for message in messages]
    Message.objects.filter(pk__in=pks).update(state=Message.State.SENT, sent_at=moment(3, 10, 15))


def emails() -> list[tuple[str, Message]]:
    """Return every kind of email in each language, with what led to it."""
    mailbox = Mailbox()
    rsvp_emails(mailbox)
    invitation_emails(mailbox)
    pledge_emails(mailbox)
    staff_emails(mailbox)
    date_emails(mailbox)
    account_emails(mailbox)
    return mailbox.sent


def staff_emails(mailbox: Mailbox) -> None:
    event = reminder_fixtures.event()
    person = factories.person("Eva Luna")
    factories.invitation(event, person, emailed_at=moment(3, 10, 15))
    for code, name in NAMES.items():
        factories.rsvp(event, name, email=f"{code}@example.org", language=code)
    mark_sent(*mailbox.collect("Seats confirmed before an email to guests"))
    email = StaffEmail.objects.create(
        event=event,
        statuses=["confirmed", "invited"],
        subject="Parking for {event}",
        text="Hi {first_name}, park in lot B.\n\nSee https://stocktonusd.net/map.",
        subject_es="Estacionamiento",
        text_es="Hola, {first_name}: use el lote B.",
    )
    people = recipients.find_recipients(email)
    mark = recipients.fingerprint_email(email, people)
    writing.write_mailing(starting.start_staff_email(email, count=len(people), mark=mark, by="office"))
    mailbox.collect("Email to guests")


def date_emails(mailbox: Mailbox) -> None:
    for code in LANGUAGES:
        date_alerts.request_alert(f"date.{code}@example.org", code)
    for alert in DateAlert.objects.all():
        date_alerts.email_alert_link(alert.pk)
        date_alerts.confirm_alert(alert)
    mailbox.collect("Asked to be told the date of the next summit")
    reminder_fixtures.event()
    date_alerts.announce_date()
    mailbox.collect("The next summit is published")


def account_emails(mailbox: Mailbox) -> None:
    chief = User.objects.create(username="chief", first_name="Ana Vang")
    for code, name in NAMES.items():
        user = User.objects.create(username=code, first_name=name, email=f"{code}@example.org")
        with translation.override(code):
            account_messages.queue_account_created(user, by=chief)
            account_messages.queue_password_reset(user)
            account_messages.queue_factors_reset(user, by=chief)
            account_messages.queue_many_wrong_codes(user)
            account_messages.queue_password_changed(user, by=chief)
            account_messages.queue_recovery_codes_replaced(user)
            for factor in (second_factor.TOTP, second_factor.PASSKEY):
                account_messages.queue_factor_added(user, factor)
                account_messages.queue_factor_removed(user, factor)
    mailbox.collect("Email about a staff account")


def rsvp_emails(mailbox: Mailbox) -> None:
    event = reminder_fixtures.event(capacity=8)
    rsvps = [factories.rsvp(event, NAMES[code], size=3, guests=("Jun Reyes",), language=code) for code in LANGUAGES]
    confirmed = mailbox.collect("RSVP confirmed")
    for code, name in {"en": "Bo Lee", "es": "Eva Lee"}.items():
        factories.rsvp(event, name, size=2, accepts_partial=True, language=code)
    mailbox.collect("RSVP on the waiting list or, where seats were left, confirmed")
    for code, name in {"en": "Chue Vang", "es": "Mai Vang"}.items():
        factories.rsvp(event, name, size=2, language=code)
    mailbox.collect("RSVP on the waiting list")
    for rsvp in rsvps:
        seats.change_party_size(rsvp, size=2)
    mailbox.collect("Party made smaller, and another moved up from the waiting list")
    for rsvp in rsvps:
        rsvp_links.mail_rsvp_link(rsvp)
    mark_sent(*mailbox.collect("Lost link of an RSVP"), *(message for _heading, message in mailbox.sent))
    for rsvp in rsvps:
        rsvp_links.replace_rsvp_link(rsvp)
    mailbox.collect("New link of an RSVP")
    mark_sent(*confirmed)
    for message in Message.objects.filter(pk__in=[message.pk for message in confirmed]):
        queue.resend(message)
    mailbox.collect("Email of an RSVP sent again by staff")
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    mailbox.collect("Event moved to another place")
    event.starts_at, event.ends_at = moment(4, 7, 9), moment(4, 7, 12)
    factories.save_event(event)
    mailbox.collect("Event moved to another time")
    for heading, now in {
        "Reminder a week before": moment(3, 31, 9),
        "Reminder that guests have no names": moment(4, 4, 9),
        "Reminder on the day before": moment(4, 6, 9),
        "Thanks after the event": moment(4, 8, 9),
    }.items():
        reminder_sending.send_due_reminders(now)
        mailbox.collect(heading)
    for rsvp in rsvps:
        seats.cancel(rsvp)
    mailbox.collect("RSVP canceled, and others moved up from the waiting list")
    factories.cancel_event(event)
    mailbox.collect("Event canceled")


def invitation_emails(mailbox: Mailbox) -> None:
    event = reminder_fixtures.event()
    people = [factories.person(name, email=f"{code}@example.org", language=code) for code, name in NAMES.items()]
    factories.write_mailing(event, *people)
    invitations = mailbox.collect("Invitation")
    mark_sent(*invitations)
    reminder_sending.send_due_reminders(moment(3, 17, 9))
    mailbox.collect("Invitation not answered after a week")
    for invitation in event.invitations.order_by("pk"):
        invitation_links.mail_invitation_link(invitation)
    mailbox.collect("Lost link of an invitation")
    for message in Message.objects.filter(pk__in=[message.pk for message in invitations]):
        queue.resend(message)
    mailbox.collect("Invitation sent again by staff")
    for invitation in event.invitations.order_by("pk"):
        responses.replace_invitation_link(invitation)
    mark_sent(*mailbox.collect("New link of an invitation"))
    event.venue = "Stockton Civic Auditorium"
    factories.save_event(event)
    writing.write_mailing(Mailing.objects.latest("pk"))
    mark_sent(*mailbox.collect("Invited, and the event moved"))
    factories.cancel_event(event)
    writing.write_mailing(Mailing.objects.latest("pk"))
    mailbox.collect("Invited, and the event was canceled")


def pledge_emails(mailbox: Mailbox) -> None:
    starts = [
        factories.pledge_request(name, email=f"{code}.office@example.org", language=code)
        for code, name in ORGANIZATIONS.items()
    ]
    mailbox.collect("Link to begin a pledge")
    drafts = [
        pledge_editing.save_draft(start.token, **factories.pledge_data(start.token, factories.promise_data()))
        for start in starts
    ]
    for pledge in drafts:
        factories.backdate_pledge(pledge, 6)
    pledge_years.remind_unchanged_drafts()
    mailbox.collect("Reminder that a pledge is not signed")
    for heading in ("Pledge signed", "Changed pledge signed"):
        for number, pledge in enumerate(drafts):
            promised = factories.promise_data(quantity=6 + number + len(heading))
            pledge_editing.sign_pledge(
                pledge.token, **factories.pledge_data(pledge.token, promised), name="Alma Reyes", role="Owner"
            )
        mailbox.collect(heading)
    for pledge in drafts:
        pledge_links.email_link(pledge)
    mark_sent(*mailbox.collect("Lost link of a pledge"), *(message for _heading, message in mailbox.sent))
    for pledge in drafts:
        pledge_links.replace_pledge_link(pledge)
    mailbox.collect("New link of a pledge")
    for code in LANGUAGES:
        organization = factories.organization(f"{ORGANIZATIONS[code]} {code}")
        factories.contact(organization, email=f"{code}.begun@example.org", language=code)
        staff_pledges.start_pledge_for(organization, emails_link=True)
    mailbox.collect("Pledge begun by staff")
    year = factories.pledge_year(2028)
    partners = renewal.to_email(renewal.last_years_partners(year))
    renewal.invite_last_years_partners(year, mark=renewal.fingerprint_partners(partners), by="office")
    mailbox.collect("Invitation to renew promises")
    year.delete()


# Rows --------------------------------------------------------------------------------------------------------------


def rows() -> dict[str, object]:
    """Return one object for everything that has a page, by the start of its path or the name of its path parameter."""
    pledge = factories.listed_partner(ORGANIZATIONS["en"]).pledges.get()
    duplicate = factories.organization(f"{ORGANIZATIONS['en']} Inc.")
    factories.school()
    duplicates.scan_organizations()
    event = reminder_fixtures.event()
    rsvp = factories.rsvp(event, NAMES["en"], size=2, organization_name="Port Gate Logistcs")
    seats.cancel(factories.rsvp(event, "Ben Ochoa"))
    audience = factories.audience(uploaded_contacts=[person := factories.person("Chue Vang")])
    invitation = factories.invite(event, person)
    StaffEmail.objects.create(event=event, statuses=["confirmed"], subject="Parking", text="Park in lot B.")
    run = import_workflow.start_import(
        as_csv(table([row()])), file_name="Partners.csv", year=pledge.year, by="staff", language="en"
    )
    import_workflow.run_steps(run.pk)
    return {
        "events": event,
        "rsvp": rsvp,
        "invitation": invitation,
        "promise": pledge,
        "partners": pledge.organization,
        "mail": preferences.get_preference(rsvp.email),
        "date": DateAlert.objects.create(email="eva@example.org"),
        "audience": audience,
        "kept": pledge.organization,
        "other": duplicate,
        "message": Message.objects.get(recipient=rsvp.email),
        "signature": pledge.signatures.get(),
    }


def states() -> dict[str, str]:
    """Return the paths of pages whose title depends on the state of their object."""
    paths = {
        "An address that is not there": "/imagine/nothing/",
        "A link that opens nothing": f"/imagine/rsvp/{'x' * 43}/",
    }
    paths |= pledge_states()
    for heading, change in {
        "open": None,
        "full": None,
        "closed": factories.close_rsvp,
        "called off": factories.mark_event_canceled,
        "over": factories.end_event,
    }.items():
        event = reminder_fixtures.event(capacity=3)
        held = factories.rsvp(event, "Alma Reyes", size=3 if heading == "full" else 2)
        waits = factories.rsvp(event, "Bo Lee", size=2)
        partly = factories.rsvp(event, "Chue Vang", size=2, accepts_partial=True)
        gone = factories.rsvp(event, "Ben Ochoa", size=4)
        seats.cancel(gone)
        invitation = factories.invite(event, factories.person("Jun Reyes", email=f"jun{event.pk}@example.org"))
        declined = factories.invite(event, factories.person("Eva Lee", email=f"eva{event.pk}@example.org"))
        responses.decline_invitation(declined)
        if change:
            change(event)
        things = {
            "event": event,
            "RSVP with seats": held,
            "RSVP that waits": waits,
            "RSVP with some seats": partly,
            "RSVP that was canceled": gone,
            "invitation": invitation,
            "invitation that was declined": declined,
        }
        if heading == "over":
            del things["event"]  # its title depends on the current date
        paths |= {f"Event {heading}: {name}": thing.get_absolute_url() for name, thing in things.items()}
    return paths


def pledge_states() -> dict[str, str]:
    start = factories.pledge_request("Delta Growers", email="growers@example.org")
    draft = factories.draft_pledge("Delta Orchards", email="orchards@example.org")
    signed = factories.signed_pledge(email="signed@example.org")
    things = {"begun": start, "saved": draft, "signed": signed}
    return {f"Pledge {name}": thing.get_absolute_url() for name, thing in things.items()}
