"""Rules that lock rows of several tables take them in one order (docs/rules.md, Locks): two that don't can deadlock.

Three kinds of test: each rule alone, whose statements are read; each pair of rules that lock two tables in common, with
threads; and some pairs that were wrong once, with commits. Each kind has a control that must fail.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import combinations, product
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone

from imagine.accounts import second_factor
from imagine.core.errors import RuleViolation
from imagine.mail import delivery, queue
from imagine.mail import retention as mail_retention
from imagine.mail.bulk import control
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Mailing, Message
from imagine.mail.reports import recording
from imagine.mail.reports.parsing import Report
from imagine.privacy import erasing
from imagine.privacy.people import Person
from partners import retention as partners_retention
from partners.imports import fingerprints, workflow
from partners.imports.undo import undo_contacts, undo_organizations, undo_pledges
from partners.models import DuplicateCandidate, Import, PledgeRequest
from partners.organizations import contacts, duplicates, merging, profiles
from partners.pledges import editing, links, signup, staff, years
from summit import event_changes, organization_matching, rsvp_links, seats
from summit import retention as summit_retention
from summit.emails.kinds import SummitEmailKind
from summit.invitations import contact_import, responses, starting, writing
from summit.models import Event, Invitation, LinkRequest, Reminder, Rsvp
from summit.reminders import sending
from tests import factories, web_client
from tests.accounts.people import add_app, code_of, wrong_code
from tests.concurrency import run_at_once
from tests.partners.import_files import as_csv, row, table

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"

# The one order. What isn't named is written only under a lock that is, such as a guest under the event's.
ORDER = [
    *("partners_import", "summit_linkrequest", "partners_pledgerequest", "summit_contactlistupload"),
    *("partners_duplicatescan", "summit_event", "partners_organization", "partners_pledgeyear", "partners_contact"),
    *("mail_mailing", "summit_invitation", "mail_message", "summit_reminder"),
    *(
        "mail_emailpreference",
        "partners_duplicatecandidate",
        "auth_user",
        "otp_totp_totpdevice",
        "otp_static_staticdevice",
    ),
]


# A world in which each rule has something to do ---------------------------------------------------------------------


@pytest.fixture
def world() -> SimpleNamespace:
    """Two events and two organizations that share people, with a bit of everything."""
    made = SimpleNamespace(event=factories.event(slug="one", capacity=2), other_event=factories.event(slug="two"))
    make_partners(made)
    make_guests(made)
    make_invitations(made)
    make_files(made)
    make_past(made)
    make_staff(made)
    made.link_request = LinkRequest.objects.create(email="asha@example.org")
    made.audience = factories.audience(uploaded_contacts=[made.leaving, factories.person("New")])
    failed = {"state": Message.State.FAILED, "claim_id": None, "claim_expires_at": None}
    for name, about in (("rsvp_email", made.rsvps[0]), ("pledge_email", made.draft), ("asked", made.invitation)):
        message = about.messages.order_by("created_at").first()
        Message.objects.filter(pk=message.pk).update(**failed)
        setattr(made, name, Message.objects.get(pk=message.pk))
    return made


def make_partners(made: SimpleNamespace) -> None:
    made.pledge = factories.signed_pledge()
    made.draft = factories.draft_pledge("Port Gate, Incorporated", "jun@example.org")
    made.kept, made.other = made.pledge.organization, made.draft.organization
    made.third, made.empty = factories.organization("Zeta Freight"), factories.organization("Empty Lot")
    duplicates.dismiss_candidate(made.other, made.third, by="staff")
    DuplicateCandidate.objects.create(organization_a=made.kept, organization_b=made.other, score=90, reasons=[])
    made.contact, made.duplicate = made.kept.contacts.get(), factories.contact(made.other)
    made.leaving = factories.contact(made.third, "zeta@example.org")
    factories.backdate_pledge(made.draft, 30)
    years.remind_draft(made.draft)
    made.page = factories.pledge_data(made.draft.token, factories.promise_data("mentors", 2))
    made.pledge_request = factories.unsaved_pledge_request("Port Gate Logistics", "alma@example.org")
    signup.request_pledge(made.pledge_request)
    duplicates.scan_organizations()


def make_guests(made: SimpleNamespace) -> None:
    both = made.event, made.other_event
    made.rsvps = [factories.rsvp(event, name, size=2) for event in both for name in ("Asha", "Ben")]
    Rsvp.objects.update(organization=made.other)
    made.typed = factories.rsvp(made.event, "Cara", organization_name="Harbor Bakery")
    made.opened = promise_from_rsvp(made.rsvps[1])
    made.opened_page = factories.pledge_data(made.opened.browser_token, factories.promise_data("mentors", 2))
    stale = promise_from_rsvp(made.rsvps[0])
    draft = editing.save_draft(
        stale.browser_token, **factories.pledge_data(stale.browser_token, factories.promise_data())
    )
    PledgeRequest.objects.filter(pk=stale.pk).update(created_at=timezone.now() - signup.REQUEST_LIFETIME)
    Rsvp.objects.filter(pk=made.rsvps[3].pk).update(organization=draft.organization)


def promise_from_rsvp(rsvp: Rsvp) -> PledgeRequest:
    asked = factories.unsaved_pledge_request("Mills", rsvp.email, rsvp.name, source=rsvp_links.rsvp_source(rsvp))
    return signup.open_pledge_request(asked)


def make_invitations(made: SimpleNamespace) -> None:
    """Some are sent and overtaken by a notice, one waits to be sent, one to be written."""
    made.mailing = factories.write_mailing(made.other_event, made.contact, made.leaving, factories.person("Lone"))
    made.invitation = made.other_event.invitations.get(contact=made.contact)
    Message.objects.filter(mailing=made.mailing).exclude(object_id=made.invitation.pk).update(
        state="sent", sent_at=timezone.now()
    )
    event = Event.objects.get(pk=made.other_event.pk)
    event.venue = "Stockton Civic Auditorium"
    made.moved = event_changes.save_event(event)
    made.notice = Mailing.objects.get(template=SummitEmailKind.INVITATION_MOVED)
    writing.write_mailing(made.notice)
    writing.write_mailing(made.mailing)
    sending.write_reminder_batch(made.moved, Reminder.Kind.WEEK, made.moved.starts_at - timedelta(days=6))
    guest = factories.person("Guest", made.other)
    made.begun = factories.start_mailing(made.event, made.duplicate, factories.person("Late"), guest)
    made.invited_guest = made.event.invitations.get(contact=guest)
    made.invited_guest.rsvp = made.rsvps[1]
    made.invited_guest.save()
    made.coming = factories.person("Dara", made.other)
    invitation, rsvp = factories.invite(made.event, made.coming), factories.rsvp(made.event, "Dara")
    Invitation.objects.filter(pk=invitation.pk).update(rsvp=rsvp)


def make_files(made: SimpleNamespace) -> None:
    year = made.pledge.year
    made.done = workflow.start_import(
        as_csv(table([row(organization="Delta Foods", contact="Didi", e_mail="didi@example.org")])),
        **(file := {"file_name": "a.csv", "year": year, "by": "anna", "language": "en"}),
    )
    workflow.confirm_import(made.done)
    content = as_csv(table([row(), row(organization="Omega Movers", contact="Omar", e_mail="omar@example.org")]))
    made.run = workflow.start_import(content, **file)
    made.checked = workflow.start_import(content, **file)
    Import.objects.filter(pk=made.run.pk).update(state=Import.State.WRITING, steps=made.run.organizations.count())
    made.list_audience = factories.audience()
    people = "Email,Name,Organization\nalma@example.org,Alma,Port Gate Logistics\nomar@example.org,Omar,Omega Movers\n"
    contact_import.store_upload(made.list_audience, people.encode(), "people.csv")
    made.list_mark = made.list_audience.upload.mark


def make_past(made: SimpleNamespace) -> None:
    """An event of long ago, to which one person came and one didn't want to come, and its email."""
    made.past = factories.event(slug="past")
    guest = factories.rsvp(made.past, "Fay", note="Aisle seat, please")
    guest.guests.update(dietary_needs="vegan", accessibility_needs="ramp")
    declined = factories.invite(made.past, factories.person("Gus"))
    responses.decline_invitation(declined, message="Fridays suit us better.")
    long_ago = timedelta(days=1000)
    dates = ("rsvp_opens_at", "rsvp_closes_at", "starts_at", "ends_at")
    Event.objects.filter(pk=made.past.pk).update(**{name: getattr(made.past, name) - long_ago for name in dates})
    guest.messages.update(state="sent", sent_at=timezone.now() - long_ago)


def make_staff(made: SimpleNamespace) -> None:
    made.staff = web_client.staff_client("change_contact", "change_organization")
    made.clerk = User.objects.get(username="clerk")
    made.app = add_app(made.clerk)
    second_factor.new_recovery_codes(made.clerk)
    made.pages = {}


def save_event(made: SimpleNamespace) -> None:
    made.moved.venue, made.moved.capacity = "Another hall", 50
    event_changes.save_event(made.moved)


def notify_guests(made: SimpleNamespace) -> None:
    event_changes.notify_some_guests(made.moved.pk)


def rsvps_to_match(made: SimpleNamespace) -> QuerySet[Rsvp]:
    return Rsvp.objects.filter(pk__in=[made.typed.pk, *(each.pk for each in made.rsvps)])


def undo(made: SimpleNamespace) -> None:
    undo_pledges({made.draft.pk: ""})
    undo_contacts({made.contact.pk: "", made.leaving.pk: fingerprints.contact_fingerprint(made.leaving)})


def undo_empty(made: SimpleNamespace) -> None:
    undo_organizations({made.empty.pk: fingerprints.organization_fingerprint(made.empty)})


def refused(rule: Callable, run: Import) -> None:
    """Under its locks it finds another import at work."""
    with pytest.raises(workflow.ImportRefused):
        rule(run)


def save_by_browser_link(made: SimpleNamespace) -> None:
    editing.save_draft(made.opened.browser_token, **made.opened_page)


def write_reminders(made: SimpleNamespace) -> None:
    sending.write_reminder_batch(made.event, Reminder.Kind.WEEK, made.event.starts_at)


def report(made: SimpleNamespace, kind: Report.Kind) -> Report:
    return Report(kind, made.asked.pk, frozenset({made.asked.recipient.lower()}), "5.1.1")


def remove_mentions(made: SimpleNamespace) -> None:
    erasing.remove_mentions(Person(made.asked.recipient), Message, Message.objects.values_list("pk", flat=True))


def confirm_totp(made: SimpleNamespace) -> None:
    session: dict = {}
    second_factor.confirm_totp(session, made.clerk, code_of(second_factor.new_totp(session, made.clerk)))


# By the rows of the table in docs/rules.md, as they begin.
RULES_BY_ROW: dict[str, dict[str, Callable[[SimpleNamespace], object]]] = {
    "change, cancel, reinstate, promote RSVPs": {
        "make an RSVP": lambda made: seats.reserve(factories.unsaved_rsvp(made.other_event, "Eva"), size=1),
        "put many on the waitlist": lambda made: seats.apply_to_many(seats.move_to_waitlist, made.rsvps[:2]),
        "cancel an RSVP": lambda made: seats.cancel(made.rsvps[0]),
        "replace an RSVP's link": lambda made: rsvp_links.replace_rsvp_link(made.rsvps[2]),
        "correct an RSVP's address": lambda made: rsvp_links.change_email(made.rsvps[2], "new@example.org"),
        "resend an RSVP's email": lambda made: queue.resend(made.rsvp_email),
    },
    "delete RSVPs": {
        "delete RSVPs": lambda made: seats.delete_many([*made.rsvps, made.typed]),
    },
    "change or cancel an event": {
        "move an event": save_event,
        "cancel an event": lambda made: event_changes.cancel_event(made.moved),
    },
    "write pending notices": {
        "notify guests": notify_guests,
        "write reminders": write_reminders,
    },
    "delete outdated reminders": {
        "take reminders back": lambda made: sending.delete_outdated_reminders(timezone.now() + timedelta(days=90)),
    },
    "answer a lost-link request": {
        "answer a lost link": lambda made: rsvp_links.email_requested_links(made.link_request.pk),
    },
    "match RSVPs": {
        "match RSVPs": lambda made: organization_matching.assign_organization(
            rsvps_to_match(made), made.kept.pk, adds_contacts=True
        ),
        "match RSVPs with a new organization": lambda made: organization_matching.create_organization_for(
            rsvps_to_match(made), name="Bakery"
        ),
        "match RSVPs with none": lambda made: organization_matching.assign_no_organization(rsvps_to_match(made)),
    },
    "accept or decline an invitation": {
        "accept": lambda made: responses.accept_invitation(made.invitation, Rsvp(name="Alma"), size=1),
        "decline": lambda made: responses.decline_invitation(made.invitation),
        "replace an invitation's link": lambda made: responses.replace_invitation_link(made.invitation),
        "replace the invitation's link of a guest": lambda made: responses.replace_invitation_link(made.invited_guest),
        "resend an invitation": lambda made: queue.resend(made.asked),
    },
    "start a mailing": {
        "invite": lambda made: starting.start_invitations(made.event, made.audience, count=2, by="office"),
    },
    "write a mailing": {
        "write invitations": lambda made: writing.write_next_batch(made.begun.pk),
    },
    "stop a mailing": {
        "stop a mailing": lambda made: writing.stop_invitations(made.mailing),
        "stop a notice": lambda made: writing.stop_invitations(made.notice),
    },
    "pause or resume a mailing": {
        "pause a mailing": lambda made: control.pause_mailing(made.mailing),
    },
    "put an uploaded list": {
        "take an uploaded list": lambda made: contact_import.import_upload(
            made.list_audience, seen=made.list_mark, skip_rejected=True
        ),
    },
    "add, correct or delete a contact": {
        "correct a contact's address": lambda made: contacts.correct_contact(made.contact, email="new@example.org"),
        "correct a guest's address": lambda made: contacts.correct_contact(made.coming, email="new@example.org"),
        "make a contact the primary one": lambda made: contacts.correct_contact(made.duplicate, is_primary=True),
        "delete a contact": lambda made: contacts.delete_contact(made.contact),
    },
    "merge or delete organizations": {
        "delete an organization": lambda made: contacts.delete_organization(made.third),
        "merge": lambda made: merging.merge_organizations(made.kept, made.other),
        "merge the other way": lambda made: merging.merge_organizations(made.other, made.kept),
    },
    "approve or reject a listing": {
        "approve a listing": lambda made: profiles.approve_listing(made.kept, by="anna"),
    },
    "scan for duplicates": {
        "find duplicates": lambda made: duplicates.scan_organizations(force=True),
    },
    "dismiss a possible duplicate": {
        "dismiss a duplicate": lambda made: duplicates.dismiss_candidate(made.other, made.kept, by="anna"),
    },
    "save, sign, start or delete a pledge": {
        "save a draft": lambda made: editing.save_draft(made.draft.token, **made.page),
        "sign": lambda made: editing.sign_pledge(made.draft.token, **made.page, name="Jun", role="Owner"),
        "email a pledge's link": lambda made: links.email_link(made.pledge, by_staff=True),
        "replace a pledge's link": lambda made: links.replace_pledge_link(made.draft),
        "start a pledge for a partner": lambda made: staff.start_pledge_for(made.third, emails_link=True),
        "delete a pledge": lambda made: editing.delete_pledge(made.draft),
        "resend a pledge's email": lambda made: queue.resend(made.pledge_email),
    },
    "the same through a link without a pledge": {
        "save a draft by a browser's link": save_by_browser_link,
    },
    "answer a pledge request": {
        "answer a pledge request": lambda made: signup.answer_request_once(made.pledge_request.pk),
    },
    "remind of a draft": {
        "remind of a draft": lambda made: years.remind_draft(made.draft),
    },
    "close or reopen a school year": {
        "close a year": lambda made: years.close_year(made.pledge.year),
    },
    "read, write or undo an import": {
        "write an import": lambda made: workflow.run_step(made.run.pk),
        "answer an import's questions": lambda made: workflow.answer_questions(
            made.checked, {typed.pk: workflow.OrganizationChoice() for typed in made.checked.organizations.all()}
        ),
        "discard an import": lambda made: workflow.discard_import(made.checked),
        "undo an import": undo,
        "undo an import's organizations": undo_empty,
        "remove a person from imports": lambda made: partners_retention.remove_from_imports("omar@example.org"),
    },
    "confirm or undo an import": {
        "confirm an import": lambda made: refused(workflow.confirm_import, made.checked),
        "undo the last import": lambda made: refused(workflow.undo_import, made.done),
    },
    "record a delivery report": {
        "record a bounce": lambda made: recording.record_report(report(made, Report.Kind.FAILED)),
        "record a complaint": lambda made: recording.record_report(report(made, Report.Kind.COMPLAINT)),
    },
    "claim messages": {
        "claim": lambda made: delivery.claim_message(),
        "claim a batch": lambda made: bulk_delivery.claim_batch(),
    },
    "decide about an email": {
        "decide about an unknown": lambda made: control.resolve_unknown(made.asked, True),
    },
    "remove needs, notes or names": {
        "clear needs": lambda made: summit_retention.clear_needs(),
        "clear notes": lambda made: summit_retention.clear_notes(),
        "remove names of RSVPs": lambda made: summit_retention.anonymize_rsvps(made.rsvps[:2]),
    },
    "clear what people wrote": {
        "clear why people declined": lambda made: summit_retention.clear_decline_messages(),
    },
    "delete stale pledge requests": {
        "delete stale pledge requests": lambda made: signup.delete_stale_requests(),
        "erase a person's pledge requests": lambda made: erasing.delete_pledge_requests(Person("asha@example.org")),
    },
    "clear the text of old emails": {
        "clear the text of email": lambda made: mail_retention.clear_content(),
        "delete old email": lambda made: mail_retention.delete_old_messages(),
    },
    "erase a person's email": {
        "erase a person's email": lambda made: erasing.delete_messages(Person("ben@example.org")),
        "take a person out of others' email": remove_mentions,
    },
    "remove a signer": {
        "remove a signer": lambda made: partners_retention.remove_signer(made.kept.pk, names=["Alma Reyes"]),
    },
    "change the second steps of an account": {
        "add an app": confirm_totp,
        "replace recovery codes": lambda made: second_factor.new_recovery_codes(made.clerk),
        "remove an app": lambda made: second_factor.remove(made.clerk, second_factor.TOTP),
        "reset second steps": lambda made: second_factor.reset(made.clerk),
        "enter a wrong code": lambda made: second_factor.check_code(made.clerk, wrong_code(made.app)),
    },
}
RULES = {name: rule for rules in RULES_BY_ROW.values() for name, rule in rules.items()}


def save_contact_page(made: SimpleNamespace) -> None:
    save_page(made, "admin:partners_contact_change", made.coming)


def save_organization_page(made: SimpleNamespace) -> None:
    save_page(made, "admin:partners_organization_change", made.other)


def save_page(made: SimpleNamespace, name: str, row: Model) -> None:
    """Correct Dara's address on a page of the admin, which is opened once."""
    page = reverse(name, args=[row.pk])
    if page not in made.pages:
        made.pages[page] = web_client.form_fields(made.staff.get(page))
    fields = made.pages[page]
    [field] = [name for name, value in fields.items() if value == "dara@example.org"]
    assert made.staff.post(page, fields | {field: "new@example.org"}).status_code == 302


PAGES = {"save a contact's page": save_contact_page, "save an organization's page": save_organization_page}


# Each rule alone ----------------------------------------------------------------------------------------------------

LOCKS = re.compile(r'FOR (?:NO KEY |KEY )?(?:UPDATE|SHARE)(?: OF "(\w+)")?|^UPDATE "(\w+)"|^DELETE FROM "(\w+)"')

BY_PLEDGE_LINK = '"partners_pledge"."token" = '  # finds nothing and locks nothing if the link has no pledge yet


def locked_table(sql: str) -> str | None:
    """The table of which a statement locks rows."""
    if not (found := LOCKS.search(sql.strip())):
        return None
    if named := next(filter(None, found.groups()), None):
        return named
    return re.search(r'FROM "?(\w+)"?', sql)[1]


def is_in_order(sql: str) -> bool:
    """Whether a locking SELECT locks one row, or several by primary key, or waits for none."""
    ends = r'(ORDER BY (\d+|"\w+"\."(id|school_year|pk)") ASC|LIMIT (1|21)|"?id"? = \S+( LIMIT \d+)?)'
    return bool(re.search(ends + r"\s+FOR ", sql)) or "SKIP LOCKED" in sql


def locking_statements(rule: Callable, made: SimpleNamespace) -> list[tuple[str, str]]:
    """Table and text of each statement of a rule that locks rows. Nothing of what it does stays."""
    found = []

    def note(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if (table_name := locked_table(sql)) and not (BY_PLEDGE_LINK in sql and not context["cursor"].rowcount):
            found.append((table_name, sql))
        return result

    with connection.execute_wrapper(note):
        undone(rule, made)
    return found


def undone(rule: Callable, made: SimpleNamespace) -> None:
    """Do it with what a commit would check, and take it back."""
    with transaction.atomic():
        rule(made)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def first_locks(statements: list[tuple[str, str]]) -> list[str]:
    """The tables in the order in which they are locked first, those that the order names. Where another table was
    locked before, a statement that skips locked rows waits for nobody, so it doesn't count."""
    ordered: list[str] = []
    unordered = set()
    for table_name, sql in statements:
        if table_name not in ORDER or table_name in {*ordered, *unordered}:
            continue
        if ordered and "SKIP LOCKED" in sql:
            unordered.add(table_name)
        else:
            ordered.append(table_name)
    return ordered


def first_of_each_table(statements: list[tuple[str, str]]) -> list[str]:
    """The first statement that locks rows of each table that the order names."""
    return list({name: sql for name, sql in reversed(statements) if name in ORDER}.values())


def writes_several(sql: str) -> bool:
    """Whether a statement may write several rows, which it locks in whatever order it finds them."""
    where = sql.rpartition(" WHERE ")[2]
    return sql.startswith(("UPDATE", "DELETE")) and not re.search(r'"(id|pk|email|user_id)" (= %s|IN \(%s\))', where)


def test_each_rule_locks_tables_in_order_and_rows_by_primary_key(world):
    wrong = {}
    for name, rule in (RULES | PAGES).items():
        statements = locking_statements(rule, world)
        tables = first_locks(statements)
        assert tables, f"{name}: does nothing here"
        unordered = [sql for _table, sql in statements if sql.startswith("SELECT") and not is_in_order(sql)]
        unordered += [sql for sql in first_of_each_table(statements) if writes_several(sql)]
        if unordered or tables != sorted(tables, key=ORDER.index):
            wrong[name] = tables, unordered
    assert wrong == {}, "\n".join(f"{n}: {w}" for n, w in wrong.items())


def test_each_row_of_the_table_of_locks_has_rules_here():
    [_, section] = (settings.BASE_DIR / "docs" / "rules.md").read_text().split("\n## Locks")
    rows = re.findall(r"^\| ([^|-][^|]*) \|", section.partition("\n## ")[0], re.MULTILINE)
    found = [[begin for begin in RULES_BY_ROW if row.startswith(begin)] for row in rows[1:]]
    assert found == [[begin] for begin in RULES_BY_ROW]


# Each pair ----------------------------------------------------------------------------------------------------------


class Pairs:
    """Two threads with connections of their own, in which pairs of rules run again and again."""

    def __init__(self, made: SimpleNamespace):
        self.made, self.one, self.other = made, ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def run(self, first: Callable, second: Callable, shared: set[str]) -> None:
        """The second rule begins when the first one has locked rows of the first table that both lock; the first one
        goes on when the second is done, or waits for it. An OperationalError is a deadlock."""
        paused, goes_on = Future(), Future()
        one = self.one.submit(self.paused_once, first, shared, paused, goes_on)
        paused.result(10)
        pid: Future[int] = Future()
        other = self.other.submit(self.telling_pid, second, pid)
        while not other.done() and not is_blocked(pid.result(10)):
            time.sleep(0.002)
        goes_on.set_result(None)
        for each in (one, other):
            each.result(30)

    def paused_once(self, rule: Callable, shared: set[str], paused: Future, goes_on: Future) -> None:
        def pause(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if locked_table(sql) in shared and not paused.done():
                paused.set_result(None)
                goes_on.result(30)
            return result

        with connection.execute_wrapper(pause), suppress(RuleViolation):
            undone(rule, self.made)
        if not paused.done():
            paused.set_result(None)

    def telling_pid(self, rule: Callable, pid: Future) -> None:
        connection.ensure_connection()
        pid.set_result(connection.connection.info.backend_pid)
        with suppress(RuleViolation):
            undone(rule, self.made)

    def close(self) -> None:
        for thread in (self.one, self.other):
            thread.submit(lambda: connection.close()).result(10)
            thread.shutdown()


def is_blocked(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BLOCKED, [pid])
        return cursor.fetchone()[0]


@pytest.fixture
def pairs(world) -> Iterator[Pairs]:
    both = Pairs(world)
    yield both
    both.close()


def test_no_pair_of_rules_that_share_two_tables_deadlocks(world, pairs):
    """A page of the admin takes long, so it meets one rule for each order of tables, if they share four."""
    rules = RULES | PAGES
    tables = {name: tuple(first_locks(locking_statements(rule, world))) for name, rule in rules.items()}
    by_order = {order: name for name, order in tables.items() if name in RULES}
    deadlocks, number = [], 0
    for one, other in [*combinations(RULES, 2), *product(PAGES, by_order.values()), *combinations(PAGES, 2)]:
        shared = {*tables[one]} & {*tables[other]}
        if len(shared) > (3 if one in PAGES else 1):
            number += 1
            try:
                pairs.run(rules[one], rules[other], shared)
            except OperationalError as error:
                deadlocks.append((one, other, str(error).splitlines()[0]))
    assert deadlocks == []
    assert number > 100


def backwards(made: SimpleNamespace) -> None:
    """An invitation first, then its mailing."""
    Invitation.objects.filter(pk=made.invitation.pk).lock()
    Mailing.objects.filter(pk=made.mailing.pk).lock()


def test_control_rule_that_locks_in_reverse_order_deadlocks(world, pairs):
    """Should this ever pass without an error, the two tests above show nothing."""
    tables = first_locks(locking_statements(backwards, world))
    assert tables != sorted(tables, key=ORDER.index)
    with pytest.raises(OperationalError, match="deadlock"):
        pairs.run(RULES["stop a mailing"], backwards, set(tables))


# Some that were wrong once, with commits ----------------------------------------------------------------------------


def run_crosswise(first: Callable, second: Callable, *held: QuerySet) -> None:
    """Run two rules that start at one moment, when each waits for its first lock. An OperationalError is a deadlock."""

    def release() -> None:
        with transaction.atomic():
            for rows in held:
                list(rows.order_by().select_for_update())
            started.append(True)
            until = time.monotonic() + 10
            with connection.cursor() as cursor:
                while time.monotonic() < until:
                    cursor.execute(WAITING)
                    if cursor.fetchone()[0] >= 2:
                        return
                    time.sleep(0.02)
            raise AssertionError("The two rules don't wait for these locks.")

    def after(rule: Callable) -> Callable:
        def run():
            while not started:
                time.sleep(0.01)
            return rule()

        return run

    started: list[bool] = []
    run_at_once([release, after(first), after(second)], expected=())


def test_answering_two_link_requests_that_share_events_does_not_deadlock():
    one, two = factories.event(slug="one"), factories.event(slug="two")
    for name, event in (("Alma", one), ("Ben", two), ("Alma", two), ("Ben", one)):
        factories.rsvp(event, name)
    Message.objects.all().delete()
    asked = [LinkRequest.objects.create(email=f"{name}@example.org") for name in ("alma", "ben")]
    run_crosswise(*(lambda pk=each.pk: rsvp_links.email_requested_links(pk) for each in asked), Event.objects.all())
    assert Message.objects.filter(kind=SummitEmailKind.RSVP_LINK).count() == 4


@pytest.fixture
def invitation() -> Invitation:
    """Written and not sent; its contact is on their own."""
    return factories.invite(factories.event(), factories.person("Alma"))


def test_correcting_an_email_and_stopping_the_mailing_do_not_deadlock(invitation):
    run_crosswise(
        lambda: contacts.correct_contact(invitation.contact, email="new@example.org"),
        lambda: writing.stop_invitations(invitation.mailing),
        Mailing.objects.all(),
        Invitation.objects.all(),
    )
    assert not Message.objects.exists()


def test_correcting_a_guests_email_and_canceling_do_not_deadlock(invitation):
    rsvp = responses.accept_invitation(invitation, Rsvp(name="Alma"), size=1)
    run_crosswise(
        lambda: contacts.correct_contact(invitation.contact, email="new@example.org"),
        lambda: seats.cancel(rsvp),
        Event.objects.all(),
    )
    rsvp.refresh_from_db()
    assert (rsvp.email, bool(rsvp.canceled_at)) == ("new@example.org", True)


@pytest.fixture
def notice(invitation) -> Mailing:
    """That the event moved: written and not sent."""
    Message.objects.update(state="sent", sent_at="2026-01-01T00:00Z")
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    event_changes.save_event(event)
    notice = Mailing.objects.get(template="invitation_moved")
    writing.write_mailing(notice)
    return notice


def test_declining_and_stopping_a_change_notice_do_not_deadlock(invitation, notice):
    run_crosswise(
        lambda: responses.decline_invitation(invitation),
        lambda: writing.stop_invitations(notice),
        Invitation.objects.all(),
    )
    assert Invitation.objects.get().answer == Invitation.Answer.DECLINED


def test_deleting_a_contact_and_declining_do_not_deadlock(invitation, notice):
    def decline():
        with suppress(Invitation.DoesNotExist):
            responses.decline_invitation(invitation)

    run_crosswise(
        lambda: contacts.delete_contact(invitation.contact),
        decline,
        Invitation.objects.all(),
    )
    assert not Invitation.objects.exists()


def test_moving_an_event_and_deleting_a_contact_do_not_deadlock(invitation):
    event = Event.objects.get()
    event.venue = "Stockton Civic Auditorium"
    run_crosswise(
        lambda: event_changes.save_event(event),
        lambda: contacts.delete_contact(invitation.contact),
        Mailing.objects.all(),
        Invitation.objects.all(),
    )
    assert not Message.objects.exists()
