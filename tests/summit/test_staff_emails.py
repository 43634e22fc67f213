"""Emails in staff's own words to the guests of one event: who gets one, and that each address gets it once."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from imagine.core.models import AuditEntry, SecurityEvent
from imagine.mail import preferences, queue
from imagine.mail.bulk import control
from imagine.mail.mime import build_email
from imagine.mail.models import Mailing, Message
from summit import attendance, event_changes, rsvp_links, seats
from summit.invitations import responses, writing
from summit.models import Event, Guest, StaffEmail
from summit.staff_emails import attachments, recipients, retention, starting
from summit.staff_emails import writing as staff_email_writing
from tests import factories

pytestmark = pytest.mark.django_db

Status = StaffEmail.Status
PDF = b"%PDF-1.7\n%a map of the parking lots"


@pytest.fixture
def event(db) -> Event:
    return factories.event(capacity=3)


def draft(event: Event, *statuses: str, **fields) -> StaffEmail:
    fields = {"subject": "Parking for {event}", "text": "Hi {first_name}, park in lot B."} | fields
    return StaffEmail.objects.create(event=event, statuses=statuses or [Status.CONFIRMED], **fields)


def start(email: StaffEmail) -> Mailing:
    people = [person for person in recipients.find_recipients(email) if not person.reason]
    mark = recipients.fingerprint_email(email, people)
    return starting.start_staff_email(email, count=len(people), mark=mark, by="office")


def write(mailing: Mailing) -> Mailing:
    writing.write_mailing(mailing)
    mailing.refresh_from_db()
    return mailing


def names(email: StaffEmail) -> list[str]:
    return [person.name for person in recipients.find_recipients(email) if not person.reason]


def sent_to(mailing: Mailing) -> list[str]:
    return sorted(mailing.messages.values_list("recipient", flat=True))


# Who -------------------------------------------------------------------------------------------------------------


def test_each_status_is_those_people(event):
    factories.rsvp(event, "Alma Reyes", size=2)
    factories.rsvp(event, "Ben Ochoa", size=2, accepts_partial=True)
    factories.rsvp(event, "Chue Vang", size=2)
    seats.cancel(factories.rsvp(event, "Dora Kim"))
    for name in ("Eva Luna", "Fay Moua", "Alma Reyes"):
        factories.invitation(event, factories.person(name), emailed_at=timezone.now())
    responses.decline_invitation(event.invitations.get(contact__name="Fay Moua"))
    factories.invitation(event, factories.person("Gus Lee"))  # not emailed yet
    assert names(draft(event, Status.CONFIRMED)) == ["Alma Reyes", "Ben Ochoa"]
    assert names(draft(event, Status.WAITLISTED)) == ["Ben Ochoa", "Chue Vang"]
    assert names(draft(event, Status.INVITED)) == ["Eva Luna"]
    assert names(draft(event, Status.CONFIRMED, Status.WAITLISTED)) == ["Alma Reyes", "Ben Ochoa", "Chue Vang"]
    assert names(draft(event, Status.NO_SHOW)) == []  # no one was checked in yet
    assert recipients.count_by_status(event) == {
        "confirmed": 2,
        "waitlisted": 2,
        "attended": 0,
        "no_show": 0,
        "invited": 1,
    }


def test_attended_and_no_show_after_check_in(event):
    came, _stayed_away = factories.rsvp(event, "Alma Reyes"), factories.rsvp(event, "Ben Ochoa")
    factories.end_event(event)
    attendance.check_in_party(came)
    assert names(draft(event, Status.ATTENDED)) == ["Alma Reyes"]
    assert names(draft(event, Status.NO_SHOW)) == ["Ben Ochoa"]


def test_people_who_opted_out_bounce_or_share_an_address_are_excluded(event):
    for name in ("Alma Reyes", "Ben Ochoa", "Chue Vang"):
        factories.rsvp(event, name)
    preferences.set_topics(preferences.get_preference("ben.ochoa@example.org"), reminders=False)
    preferences.suppress("chue.vang@example.org", "user unknown")
    found = {person.name: str(person.reason) for person in recipients.find_recipients(draft(event))}
    assert found == {"Alma Reyes": "", "Ben Ochoa": "unsubscribed", "Chue Vang": "bounced"}
    for name, organization in (("Eva Luna", "Port Gate Logistics"), ("Eva Luna-Diaz", "Delta Orchards")):
        contact = factories.person(name, factories.organization(organization), email="eva@example.org")
        factories.invitation(event, contact, emailed_at=timezone.now())
    assert [str(each.reason) for each in recipients.find_recipients(draft(event, Status.INVITED))] == ["", "duplicate"]


# Start and write -------------------------------------------------------------------------------------------------


def test_each_recipient_gets_the_email_once_in_their_language(event):
    factories.rsvp(event, "Alma Reyes", size=2)
    factories.rsvp(event, "Luz Reyes", language="es")
    email = draft(event, subject_es="Estacionamiento", text_es="Hola, {first_name}: use el lote B.")
    mailing = write(start(email))
    assert sent_to(mailing) == ["alma.reyes@example.org", "luz.reyes@example.org"]
    english, spanish = mailing.messages.order_by("recipient")
    assert (english.subject, english.language) == ("Parking for Imagine Promise Summit", "en")
    assert "Hi Alma, park in lot B." in english.body_text
    assert english.topic == "reminders"
    assert english.unsubscribe_url in english.body_text
    assert english.about.get_absolute_url() in english.body_text
    assert (spanish.subject, spanish.language) == ("Estacionamiento", "es")
    assert "Hola, Luz: use el lote B." in spanish.body_text
    assert mailing.rendered_at
    assert mailing.skipped_count == 0
    writing.write_mailing(mailing)
    Mailing.objects.update(rendered_at=None)
    writing.write_mailing(mailing)
    assert mailing.messages.count() == 2
    assert AuditEntry.objects.filter(changes__has_key="emailed").count() == 1
    assert SecurityEvent.objects.filter(kind="mailing_approved").count() == 1


def test_spanish_readers_get_english_if_there_is_no_spanish(event):
    factories.rsvp(event, "Luz Reyes", language="es")
    [message] = write(start(draft(event))).messages.all()
    assert message.language == "en"
    assert "Hi Luz, park in lot B." in message.body_text
    assert "Unsubscribe from reminders" in message.body_text


def test_invited_people_get_their_invitation_and_can_unsubscribe_from_invitations(event):
    invitation = factories.invite(event, factories.person("Eva Luna"))
    [message] = write(start(draft(event, Status.INVITED))).messages.all()
    assert message.topic == "invitations"
    assert invitation.get_absolute_url() in message.body_text


def test_people_who_cancel_or_unsubscribe_after_the_start_are_skipped_and_no_one_new_is_emailed(event):
    rsvps = [factories.rsvp(event, name) for name in ("Alma Reyes", "Ben Ochoa", "Chue Vang")]
    factories.rsvp(event, "Dora Kim")
    mailing = start(draft(event))
    seats.cancel(rsvps[0])  # Dora moves off the waitlist
    preferences.set_topics(preferences.get_preference("ben.ochoa@example.org"), reminders=False)
    write(mailing)
    assert sent_to(mailing) == ["chue.vang@example.org"]
    assert (mailing.recipient_count, mailing.skipped_count) == (3, 2)


def test_unsent_email_is_withdrawn_when_someone_cancels(event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    factories.rsvp(event, "Ben Ochoa")
    mailing = write(start(draft(event)))
    control.pause_mailing(mailing)
    seats.cancel(rsvp)
    staff_email_writing.withdraw_outdated()
    write(mailing)
    assert sent_to(mailing) == ["ben.ochoa@example.org"]
    assert mailing.skipped_count == 1


def test_unsent_email_follows_a_corrected_address_and_a_rescheduled_event(event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    mailing = write(start(draft(event)))
    old_link = rsvp.get_absolute_url()
    rsvp_links.change_email(rsvp, "alma.r@example.org")
    event.starts_at += timedelta(days=1)
    event.ends_at += timedelta(days=1)
    event_changes.save_event(event)
    [message] = write(mailing).messages.all()
    assert message.recipient == "alma.r@example.org"
    assert old_link not in message.body_text
    assert f"{timezone.localtime(event.starts_at):%B} {timezone.localtime(event.starts_at).day}" in message.body_text


def test_sent_email_stays_when_someone_cancels(event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    mailing = write(start(draft(event)))
    factories.deliver()
    seats.cancel(rsvp)
    staff_email_writing.withdraw_outdated()
    assert sent_to(mailing) == ["alma.reyes@example.org"]


def test_only_what_staff_confirmed_is_sent(event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    email = draft(event)
    people = recipients.find_recipients(email)
    confirmed = {"count": 1, "mark": recipients.fingerprint_email(email, people), "by": "office"}
    seats.cancel(rsvp)
    with pytest.raises(starting.NoOneToEmail):
        starting.start_staff_email(email, **confirmed)
    factories.rsvp(event, "Ben Ochoa")
    with pytest.raises(starting.EmailChanged):
        starting.start_staff_email(email, **confirmed)
    start(email)
    with pytest.raises(starting.AlreadyStarted):
        start(email)
    assert Mailing.objects.count() == 1


def test_stopped_mailing_sends_nothing_more(event):
    factories.rsvp(event, "Alma Reyes")
    mailing = start(draft(event))
    control.stop_mailing(mailing)
    write(mailing)
    assert sent_to(mailing) == []


def test_resent_email_has_todays_link_and_is_refused_after_a_cancellation(event):
    rsvp = factories.rsvp(event, "Alma Reyes")
    [message] = write(start(draft(event))).messages.all()
    Message.objects.update(state=Message.State.FAILED)
    message.refresh_from_db()
    assert queue.resend(message)
    seats.cancel(rsvp)
    Message.objects.filter(pk=message.pk).update(state=Message.State.FAILED)
    message.refresh_from_db()
    with pytest.raises(queue.CannotResend):
        queue.resend(message)


# Text and attachment ---------------------------------------------------------------------------------------------


def test_web_addresses_are_links_and_markup_and_names_are_not(event):
    factories.rsvp(event, "Alma https://evil.example")
    text = "See https://stocktonusd.net/map?a=1&b=2.\nTom & Jerry, {first_name} {name}"
    [message] = write(start(draft(event, text=text))).messages.all()
    assert 'href="https://stocktonusd.net/map?a=1&amp;b=2"' in message.body_html
    assert "Tom &amp; Jerry" in message.body_html
    assert 'href="https://evil.example' not in message.body_html


def test_attachment_is_sent_with_each_email_and_deleted_a_month_later(event):
    factories.rsvp(event, "Alma Reyes")
    email = draft(event, attachment=PDF, attachment_name="parking.pdf")
    mailing = write(start(email))
    [message] = mailing.messages.all()
    [attached] = build_email(message).attachments
    assert (attached[0], attached[1], attached[2]) == ("parking.pdf", PDF, "application/pdf")
    Mailing.objects.update(rendered_at=timezone.now() - timedelta(days=29))
    assert retention.clear_attachments() == 0
    Mailing.objects.update(rendered_at=timezone.now() - timedelta(days=61))
    assert retention.clear_attachments() == 1
    email.refresh_from_db()
    assert bytes(email.attachment) == b""
    assert retention.clear_attachments() == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("virus.exe", b"MZ"),
        ("page.html", b"<script>"),
        ("map.pdf", b"<script>"),
        ("map.docx", b"PK\x03\x04 not a document"),
        ("map.pdf", b""),
        ("map.pdf", PDF + b" " * attachments.MAX_BYTES),
    ],
)
def test_other_files_are_refused(name, content):
    with pytest.raises(ValidationError):
        attachments.check_attachment(name, content)


def test_file_names_are_safe_in_every_mail_program():
    attachments.check_attachment("map.PDF", PDF)
    assert attachments.clean_name("../../Parking lot B (2).PDF") == "Parking_lot_B_2.pdf"
    assert len(attachments.clean_name("x" * 300 + ".pdf")) == attachments.MAX_LENGTH_NAME


def test_no_show_needs_someone_checked_in(event):
    factories.rsvp(event, "Alma Reyes")
    assert not Guest.objects.filter(checked_in_at__isnull=False).exists()
    assert names(draft(event, Status.NO_SHOW, Status.ATTENDED)) == []


def test_callers_without_an_email_address_are_excluded(event):
    for name in ("Alma Reyes", "Ben Ochoa"):
        factories.rsvp(event, name, email="", source="staff", verified_at=None)
    email = draft(event)
    assert [str(each.reason) for each in recipients.find_recipients(email)] == ["no_email", "no_email"]
    with pytest.raises(starting.NoOneToEmail):
        start(email)
