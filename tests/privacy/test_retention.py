"""The retention table names every personal column, is shown, and is carried out on time."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from imagine.accounts.models import StaffSession
from imagine.accounts.sessions import SessionStore
from imagine.core import audit
from imagine.core.models import AuditEntry
from imagine.core.retention import HIDDEN
from imagine.mail import preferences, queue
from imagine.mail.models import EmailPreference, Message
from imagine.privacy import expiry, retention, tasks
from imagine.privacy.models import Hold
from partners.imports import workflow
from partners.models import Contact, Import, PledgeRequest
from partners.organizations import contacts
from summit import organization_matching, seats
from summit import retention as summit_retention
from summit.invitations import audience_query, contact_import, responses
from summit.models import ContactListUpload, Event, Guest, Rsvp
from tests import factories, web_client
from tests.partners.import_files import as_csv, row, table

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def carry_out() -> None:
    tasks.carry_out_retention("hourly")
    tasks.carry_out_retention("nightly")


def past_event(days: float, **fields) -> Event:
    """Let an event end this many days ago."""
    event = fields.pop("event", None) or factories.event()
    end = timezone.now() - days * DAY
    Event.objects.filter(pk=event.pk).update(
        starts_at=end - DAY / 12, ends_at=end, rsvp_opens_at=end - DAY, rsvp_closes_at=end
    )
    return Event.objects.get(pk=event.pk)


def rsvp_with_everything(name: str = "Alma Reyes", **fields) -> Rsvp:
    guests = [
        Guest(name=name, dietary_needs="kosher", accessibility_needs="ramp"),
        Guest(name="Ben Ito", dietary_needs="vegan"),
    ]
    fields = {"phone": "(209) 555-0123", "note": "We come by bus", "organization_name": "Port Gate"} | fields
    fields = {"party_dietary_needs": "no nuts", "party_accessibility_needs": "Khmer interpreter"} | fields
    return seats.reserve(factories.unsaved_rsvp(factories.event(), name, **fields), size=2, guests=guests)


# The table -------------------------------------------------------------------------------------------------------


def all_columns() -> set[tuple[str, str]]:
    return {(model._meta.label, column.name) for model in apps.get_models() for column in model._meta.concrete_fields}


def column_names(columns: Iterable[dict]) -> list[tuple[str, str]]:
    return [(label, name) for each in columns for label, names in each.items() for name in names]


def test_retention_table_covers_every_column():
    """A new column or model? Add it to a rule of imagine/privacy/retention.py if it says anything about a person, else
    to NOT_PERSONAL. If it holds an address, imagine/privacy/people.py has to find it, too."""
    personal = column_names(rule.columns for rule in retention.RULES)
    not_personal = column_names([retention.NOT_PERSONAL])
    assert all_columns() - {*personal, *not_personal} == set()
    assert {*personal, *not_personal} - all_columns() == set()
    assert sorted(set(personal) & set(not_personal)) == []
    assert len(personal) == len(set(personal))


def test_column_without_a_rule_is_detected(monkeypatch):
    monkeypatch.setitem(retention.NOT_PERSONAL, "summit.Event", ("id",))
    with pytest.raises(AssertionError):
        test_retention_table_covers_every_column()


@pytest.mark.parametrize("language", ["en", "es"])
def test_privacy_page_shows_the_retention_table(language):
    page = web_client.page_text(Client().get("/imagine/privacy/", headers={"Accept-Language": language}))
    with translation.override(language):
        for rule in retention.RULES:
            for text in (rule.what, rule.why, rule.until, rule.then):
                assert str(text) in page


# Carried out, to the day -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "is_kept"), [(29, True), (31, False)])
def test_needs_are_deleted_30_days_after_the_event(days, is_kept):
    rsvp = rsvp_with_everything()
    past_event(days, event=rsvp.event)
    for _twice in range(2):
        carry_out()
    needs = list(rsvp.guests.values_list("name", "dietary_needs", "accessibility_needs"))
    assert needs == (
        [("Alma Reyes", "kosher", "ramp"), ("Ben Ito", "vegan", "")]
        if is_kept
        else [("Alma Reyes", "", ""), ("Ben Ito", "", "")]
    )
    rsvp.refresh_from_db()
    party_needs = (rsvp.party_dietary_needs, rsvp.party_accessibility_needs)
    assert party_needs == (("no nuts", "Khmer interpreter") if is_kept else ("", ""))


@pytest.mark.parametrize(("days", "is_kept"), [(182, True), (184, False)])
def test_notes_and_their_history_are_deleted_6_months_after_the_event(days, is_kept):
    rsvp = rsvp_with_everything()
    seats.update_contact(rsvp, note="We come by train")
    past_event(days, event=rsvp.event)
    carry_out()
    rsvp.refresh_from_db()
    assert (rsvp.note == "We come by train") is is_kept
    entry = AuditEntry.objects.about(rsvp).get(changes__has_key="note")
    assert entry.changes["note"] == (["We come by bus", "We come by train"] if is_kept else ["…", "…"])


@pytest.mark.parametrize(("days", "is_kept"), [(182, True), (184, False)])
def test_decline_messages_are_deleted_6_months_after_the_event(days, is_kept):
    invitation = factories.invite(factories.event(), factories.person("Alma Reyes"))
    responses.decline_invitation(invitation, message="Out of town")
    past_event(days, event=invitation.event)
    carry_out()
    invitation.refresh_from_db()
    assert (invitation.decline_message == "Out of town") is is_kept
    assert invitation.declined_at


@pytest.mark.parametrize(("days", "is_kept"), [(395, True), (397, False)])
def test_rsvps_are_anonymized_13_months_after_the_event_and_keep_counts(days, is_kept):
    rsvp = rsvp_with_everything(sector="business")
    port_gate = factories.organization("Port Gate")
    organization_matching.assign_organization(Rsvp.objects.all(), port_gate.pk)
    seats.change_party_size(rsvp, size=3)
    seats.update_contact(rsvp, email="alma.reyes@example.org", name="Alma R.")
    token = rsvp.token
    past_event(days, event=rsvp.event)
    carry_out()
    rsvp.refresh_from_db()
    assert (rsvp.held_seats, rsvp.sector, rsvp.guests.count()) == (3, "business", 3)
    if is_kept:
        assert (rsvp.email, rsvp.token, rsvp.anonymized_at) == ("alma.reyes@example.org", token, None)
        assert rsvp.organization == port_gate
        return
    assert rsvp.anonymized_at
    assert (rsvp.name, rsvp.email) == ("–", f"removed-{rsvp.pk}@removed.invalid")
    assert (rsvp.phone, rsvp.organization_name, rsvp.note, rsvp.browser_hash) == ("", "", "", "")
    assert rsvp.organization is None
    assert rsvp.token != token
    assert list(rsvp.guests.values_list("name", flat=True)) == ["–", "–", ""]
    history = str(list(AuditEntry.objects.about(rsvp).values_list("changes", flat=True)))
    assert "held_seats" in history
    assert not any(word in history for word in ("Alma", "alma", "Ben", "555", "Port Gate"))


def test_anonymized_rsvp_does_not_say_that_it_belonged_to_no_partner():
    rsvp = rsvp_with_everything()
    organization_matching.assign_no_organization(Rsvp.objects.all())
    summit_retention.anonymize_rsvps([rsvp])
    assert not Rsvp.objects.get().no_organization
    changes = AuditEntry.objects.about(rsvp).get(changes__has_key="no_organization").changes
    assert changes["no_organization"] == HIDDEN


def test_anonymized_guests_are_not_invited_again():
    rsvp = rsvp_with_everything()
    summit_retention.anonymize_rsvps([rsvp])
    audience = factories.audience(attended_event=rsvp.event)
    assert list(audience_query.audience_people(audience, factories.event())) == []


@pytest.mark.parametrize(("days", "is_kept"), [(547, True), (549, False)])
def test_contacts_without_pledge_or_rsvp_are_deleted_after_18_months(days, is_kept):
    long_ago = timezone.now() - days * DAY
    individual, of_partner, guest, invited, mentioned = (
        factories.person(name) for name in ("Alone Yu", "Pat Ner", "Gus Est", "Ina Vite", "Mona Len")
    )
    pledged = factories.signed_pledge("Port Gate", "signer@example.org").organization
    contacts.add_contact(pledged, email="second@example.org", name="Second")
    factories.organization("No Pledge Inc.")
    factories.rsvp(factories.event(), "Gus Est", email="GUS.EST@example.org")
    factories.invite(factories.event(), invited)
    past = factories.invite(factories.event(), mentioned)
    past_event(400, event=past.event)
    Contact.objects.update(created_at=long_ago)
    carry_out()
    kept = {"gus.est@example.org", "ina.vite@example.org", "signer@example.org", "second@example.org"}
    deleted = {individual.email, of_partner.email, mentioned.email}
    assert set(Contact.objects.values_list("email", flat=True)) == (kept | deleted if is_kept else kept)
    assert guest.pk


@pytest.mark.parametrize(("days", "is_kept"), [(59, True), (61, False)])
def test_pledge_requests_and_their_emails_are_deleted_after_60_days(days, is_kept):
    request = factories.pledge_request()
    used = factories.signed_pledge("Other Inc.", "other@example.org")
    long_ago = timezone.now() - days * DAY
    PledgeRequest.objects.update(created_at=long_ago)
    Message.objects.update(created_at=long_ago)
    for _twice in range(2):
        carry_out()
    assert PledgeRequest.objects.filter(pk=request.pk).exists() is is_kept
    kinds = sorted(Message.objects.values_list("kind", flat=True))
    assert kinds == (["pledge_request", "pledge_request", "pledge_signed"] if is_kept else ["pledge_signed"])
    assert used.pk


@pytest.mark.parametrize(("days", "is_kept"), [(29, True), (31, False)])
def test_email_text_is_deleted_after_30_days(days, is_kept, staff):
    rsvp = rsvp_with_everything()
    message = sent_message(days)
    queued = Message.objects.create(idempotency_key="waiting", recipient="a@example.org", body_text="x", body_html="x")
    Message.objects.filter(pk=queued.pk).update(send_after=timezone.now() - 60 * DAY)
    for _twice in range(2):
        carry_out()
    message.refresh_from_db()
    queued.refresh_from_db()
    assert queued.body_text == "x"
    assert (rsvp.token in message.body_text) is is_kept
    assert (bool(message.body_html), bool(message.ics)) == (is_kept, is_kept)
    assert (message.state, message.recipient) == ("sent", "alma.reyes@example.org")
    page = web_client.page_text(staff.get(f"/imagine/admin/mail/message/{message.pk}/change/"))
    assert ("We deleted the text of this email" in page) is not is_kept


def sent_message(days: float) -> Message:
    """Return the only email, marked as sent this many days ago."""
    long_ago = timezone.now() - days * DAY
    Message.objects.update(state="sent", sent_at=long_ago, created_at=long_ago)
    return Message.objects.get()


def test_email_without_text_cannot_be_resent():
    factories.draft_pledge()
    Message.objects.all().delete()
    message = Message.objects.create(
        idempotency_key="old", recipient="a@example.org", state="sent", sent_at=timezone.now() - 31 * DAY
    )
    with pytest.raises(queue.CannotResend):
        queue.resend(message)


@pytest.mark.parametrize(("days", "is_kept"), [(729, True), (731, False)])
def test_emails_are_deleted_after_2_years(days, is_kept):
    rsvp_with_everything()
    sent_message(days)
    carry_out()
    assert Message.objects.exists() is is_kept


def test_unused_preferences_are_deleted_with_the_address():
    rsvp_with_everything()
    for email in ("alma.reyes@example.org", "gone@example.org", "no.thanks@example.org", "bounced@example.org"):
        preferences.get_preference(email)
    preferences.set_topics(preferences.get_preference("no.thanks@example.org"), reminders=False)
    preferences.suppress("bounced@example.org", "no such user")
    carry_out()
    kept_emails = set(EmailPreference.objects.values_list("email", flat=True))
    assert kept_emails == {"alma.reyes@example.org", "no.thanks@example.org", "bounced@example.org"}


def test_unused_preferences_are_found_in_one_pass_over_each_table():
    """NOT IN becomes a subplan that PostgreSQL runs for each row when its result is large: 10,000 times 100,000."""
    with CaptureQueriesContext(connection) as queries:
        expiry.delete_unused_preferences()
    [statement] = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert plan.count("Anti Join") == 4, plan
    assert "SubPlan" not in plan


@pytest.mark.parametrize(("days", "is_kept"), [(13, True), (15, False)])
def test_rows_of_checked_imports_are_deleted_after_14_days(days, is_kept):
    run = checked_import()
    Import.objects.update(created_at=timezone.now() - days * DAY)
    carry_out()
    assert run.rows.exists() is is_kept


def checked_import() -> Import:
    content = as_csv(table([row()]))
    year = factories.pledge_year()
    return workflow.start_import(content, file_name="Alma Reyes.csv", year=year, by="anna", language="en")


@pytest.mark.parametrize(("days", "is_kept"), [(182, True), (184, False)])
def test_names_of_imported_files_are_deleted_after_6_months(days, is_kept):
    run = checked_import()
    workflow.confirm_import(run, skip_errors=True)
    Import.objects.update(created_at=timezone.now() - days * DAY)
    carry_out()
    run.refresh_from_db()
    assert run.state == "done"
    assert (run.file_name == "Alma Reyes.csv") is is_kept
    assert AuditEntry.objects.filter(reason="Alma Reyes.csv").exists() is is_kept


@pytest.mark.parametrize(("hours", "is_kept"), [(23, True), (25, False)])
def test_uploaded_lists_are_deleted_after_a_day(hours, is_kept):
    contact_import.store_upload(factories.audience(), b"Email\nalma@example.org", "Alma Reyes.csv")
    ContactListUpload.objects.update(uploaded_at=timezone.now() - timedelta(hours=hours))
    carry_out()
    assert ContactListUpload.objects.exists() is is_kept


@pytest.mark.parametrize(("days", "is_kept"), [(729, True), (731, False)])
def test_history_and_admin_log_are_deleted_after_2_years(days, is_kept):
    rsvp, upcoming = rsvp_with_everything(), factories.event()
    seats.change_party_size(rsvp, size=3)
    audit.log_change(upcoming, {"venue": "a"}, {"venue": "b"})
    user = User.objects.create_superuser("office")
    LogEntry.objects.create(user=user, object_repr="x", action_flag=ADDITION, action_time=timezone.now() - days * DAY)
    AuditEntry.objects.update(created_at=timezone.now() - days * DAY)
    carry_out()
    assert AuditEntry.objects.about(rsvp).exists() is is_kept
    assert AuditEntry.objects.about(upcoming).exists()  # the calendar entry's SEQUENCE counts these
    assert LogEntry.objects.exists() is is_kept


def test_expired_sessions_are_deleted():
    for expires in (-1, 60):
        session = SessionStore()
        session.save()
        StaffSession.objects.filter(pk=session.session_key).update(expire_date=timezone.now() + expires * DAY)
    carry_out()
    assert StaffSession.objects.get().expire_date > timezone.now()


# Holds, batches, failures ----------------------------------------------------------------------------------------


def hold(email: str, days: int = 10) -> Hold:
    ends_on = timezone.localdate() + timedelta(days=days)
    return Hold.objects.create(email=email, reason="Public records request", ends_on=ends_on, created_by="office")


def test_nothing_of_a_person_on_hold_is_deleted():
    rsvp = rsvp_with_everything()
    seats.change_party_size(rsvp, size=3)
    contact = factories.person("Alma Reyes")
    invitation = factories.invite(factories.event(), contact)
    responses.decline_invitation(invitation, message="Out of town")
    PledgeRequest.objects.create(organization="Port Gate", name="Alma Reyes", email="Alma.Reyes@example.org")
    contact_import.store_upload(factories.audience(), b"Email\nAlma.Reyes@example.org", "list.csv")
    run = checked_import()
    run.rows.update(values={"email": "Alma.Reyes@example.org"})
    preferences.get_preference("alma.reyes@example.org")
    long_ago = timezone.now() - 1000 * DAY
    for event in (rsvp.event, invitation.event):
        past_event(1000, event=event)
    for rows in (Contact.objects, PledgeRequest.objects, AuditEntry.objects, Import.objects):
        rows.update(created_at=long_ago)
    Message.objects.update(created_at=long_ago, sent_at=long_ago, state="sent")
    ContactListUpload.objects.update(uploaded_at=long_ago)
    Rsvp.objects.update(created_at=long_ago)
    hold("alma.reyes@example.org")
    before = people_rows()
    carry_out()
    assert people_rows() == before
    Hold.objects.update(ends_on=timezone.localdate() - DAY)
    carry_out()
    kept_emails = str(people_rows())
    assert not any(word in kept_emails for word in ("Alma", "alma", "Ben Ito", "Out of town", "kosher"))


def people_rows() -> list:
    """Return the rows about people. History about events isn't included."""
    models = (Rsvp, Guest, Contact, PledgeRequest, Message, ContactListUpload, EmailPreference)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    rows.append(list(AuditEntry.objects.exclude(content_type__model="event").order_by("pk").values()))
    return [*rows, list(Import.objects.values("state")), list(Contact.objects.values("invitations__decline_message"))]


def test_retention_works_in_batches_and_continues(monkeypatch):
    sent_tasks: list = []
    monkeypatch.setattr(tasks.dispatch, "send_task", lambda *task: sent_tasks.append(task))
    monkeypatch.setattr(retention, "RUN_SECONDS", -1)
    monkeypatch.setattr(summit_retention, "BATCH_SIZE", 1)
    rsvps = [rsvp_with_everything(name) for name in ("Alma Reyes", "Ben Ito", "Cy Young")]
    for rsvp in rsvps:
        past_event(31, event=rsvp.event)
    remaining = []
    for _batch in range(4):
        sent_tasks.clear()
        tasks.carry_out_retention("nightly")
        with_needs = Guest.objects.exclude(dietary_needs="").values("rsvp").distinct().count()
        remaining.append((with_needs, len(sent_tasks)))
    assert remaining == [(2, 1), (1, 1), (0, 1), (0, 0)]


def test_failing_rule_does_not_stop_the_others(monkeypatch, caplog):
    broken = retention.Rule("what", "why", "until", "then", {}, lambda held: 1 // 0)
    monkeypatch.setattr(retention, "RULES", [broken, *retention.RULES])
    rsvp = rsvp_with_everything()
    past_event(31, event=rsvp.event)
    carry_out()
    assert rsvp.guests.aggregate(Max("dietary_needs"))["dietary_needs__max"] == ""
    assert "Rule 0" in caplog.text
