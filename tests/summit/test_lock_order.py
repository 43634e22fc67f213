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
from itertools import combinations
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone

from imagine.core.errors import RuleViolation
from imagine.mail import delivery, queue
from imagine.mail.bulk import control
from imagine.mail.bulk import delivery as bulk_delivery
from imagine.mail.models import Mailing, Message
from partners.imports import fingerprints, workflow
from partners.imports.undo import undo_contacts, undo_pledges
from partners.models import DuplicateCandidate, Import, PledgeRequest
from partners.organizations import contacts, duplicates, merging, profiles
from partners.pledges import editing, links, signup, staff, years
from summit import event_changes, organization_matching, rsvp_links, seats
from summit.emails.kinds import EmailKind
from summit.invitations import contact_import, responses, starting, writing
from summit.models import Event, Invitation, LinkRequest, Reminder, Rsvp
from summit.reminders import sending
from tests import factories, web_client
from tests.concurrency import run_at_once
from tests.partners.import_files import as_csv, row, table

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"

# The one order. What isn't named is written only under a lock that is, such as a guest under the event's.
ORDER = [
    *("partners_import", "summit_linkrequest", "partners_pledgerequest", "summit_contactlistupload"),
    *("partners_duplicatescan", "summit_event", "partners_organization", "partners_pledgeyear", "partners_contact"),
    *("mail_mailing", "summit_invitation", "mail_message", "summit_reminder", "partners_duplicatecandidate"),
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
    made.third = factories.organization("Zeta Freight")
    duplicates.dismiss_candidate(made.other, made.third, by="staff")
    DuplicateCandidate.objects.create(organization_a=made.kept, organization_b=made.other, score=90, reasons=[])
    made.contact, made.duplicate = made.kept.contacts.get(), factories.contact(made.other)
    made.leaving = factories.contact(made.third, "zeta@example.org")
    factories.backdate_pledge(made.draft, 30)
    years.remind_draft(made.draft)
    made.page = factories.pledge_data(made.draft.token, factories.promise_data("mentors", 2))
    made.pledge_request = factories.unsaved_pledge_request("Port Gate Logistics", "alma@example.org")
    signup.request_pledge(made.pledge_request)
    duplicates.scan_for_duplicates()


def make_guests(made: SimpleNamespace) -> None:
    both = made.event, made.other_event
    made.rsvps = [factories.rsvp(event, name, size=2) for event in both for name in ("Asha", "Ben")]
    Rsvp.objects.update(organization=made.other)
    made.typed = factories.rsvp(made.event, "Cara", organization_name="Harbor Bakery")
    promise_from_rsvp(made.rsvps[1])
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
    made.notice = Mailing.objects.get(template=EmailKind.INVITATION_MOVED)
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
    content = as_csv(table([row(), row(organization="Omega Movers", contact="Omar", e_mail="omar@example.org")]))
    made.run = workflow.start_import(content, file_name="a.csv", year=year, by="anna", language="en")
    made.checked = workflow.start_import(content, file_name="b.csv", year=year, by="anna", language="en")
    Import.objects.filter(pk=made.run.pk).update(state=Import.State.WRITING, steps=made.run.organizations.count())
    made.list_audience = factories.audience()
    people = "Email,Name,Organization\nalma@example.org,Alma,Port Gate Logistics\nomar@example.org,Omar,Omega Movers\n"
    contact_import.store_upload(made.list_audience, people.encode(), "people.csv")
    made.list_mark = made.list_audience.upload.mark


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


RULES: dict[str, Callable[[SimpleNamespace], object]] = {
    "cancel an RSVP": lambda made: seats.cancel(made.rsvps[0]),
    "delete RSVPs": lambda made: seats.delete_many([*made.rsvps, made.typed]),
    "move an event": save_event,
    "cancel an event": lambda made: event_changes.cancel_event(made.moved),
    "notify guests": notify_guests,
    "answer a lost link": lambda made: rsvp_links.answer_link_request(made.link_request.pk),
    "replace an RSVP's link": lambda made: rsvp_links.replace_rsvp_link(made.rsvps[2]),
    "correct an RSVP's address": lambda made: rsvp_links.change_email(made.rsvps[2], "new@example.org"),
    "match RSVPs": lambda made: organization_matching.assign_organization(
        rsvps_to_match(made), made.kept.pk, adds_contacts=True
    ),
    "match RSVPs with a new organization": lambda made: organization_matching.create_organization_for(
        rsvps_to_match(made), name="Bakery"
    ),
    "match RSVPs with none": lambda made: organization_matching.assign_no_organization(rsvps_to_match(made)),
    "accept": lambda made: responses.accept_invitation(made.invitation, Rsvp(name="Alma"), size=1),
    "decline": lambda made: responses.decline_invitation(made.invitation),
    "replace an invitation's link": lambda made: responses.replace_invitation_link(made.invitation),
    "replace the invitation's link of a guest": lambda made: responses.replace_invitation_link(made.invited_guest),
    "delete stale pledge requests": lambda made: signup.delete_stale_requests(),
    "invite": lambda made: starting.start_invitations(made.event, made.audience, count=2, by="office"),
    "write invitations": lambda made: writing.write_next_batch(made.begun.pk),
    "pause a mailing": lambda made: control.pause(made.mailing),
    "stop a mailing": lambda made: writing.stop_mailing(made.mailing),
    "stop a notice": lambda made: writing.stop_mailing(made.notice),
    "resend an invitation": lambda made: queue.resend(made.asked),
    "resend an RSVP's email": lambda made: queue.resend(made.rsvp_email),
    "resend a pledge's email": lambda made: queue.resend(made.pledge_email),
    "take reminders back": lambda made: sending.delete_outdated_reminders(timezone.now() + timedelta(days=90)),
    "write reminders": lambda made: sending.write_reminder_batch(made.event, Reminder.Kind.WEEK, made.event.starts_at),
    "correct a contact's address": lambda made: contacts.correct_contact(made.contact, email="new@example.org"),
    "correct a guest's address": lambda made: contacts.correct_contact(made.coming, email="new@example.org"),
    "make a contact the primary one": lambda made: contacts.correct_contact(made.duplicate, is_primary=True),
    "delete a contact": lambda made: contacts.delete_contact(made.contact),
    "delete an organization": lambda made: contacts.delete_organization(made.third),
    "merge": lambda made: merging.merge_organizations(made.kept, made.other),
    "merge the other way": lambda made: merging.merge_organizations(made.other, made.kept),
    "find duplicates": lambda made: duplicates.scan_for_duplicates(force=True),
    "dismiss a duplicate": lambda made: duplicates.dismiss_candidate(made.other, made.kept, by="anna"),
    "save a draft": lambda made: editing.save_draft(made.draft.token, **made.page),
    "sign": lambda made: editing.sign_pledge(made.draft.token, **made.page, name="Jun", role="Owner"),
    "email a pledge's link": lambda made: links.email_link(made.pledge, by_staff=True),
    "replace a pledge's link": lambda made: links.replace_link(made.draft),
    "start a pledge for a partner": lambda made: staff.start_pledge_for(made.third, emails_link=True),
    "delete a pledge": lambda made: editing.delete_pledge(made.draft),
    "answer a pledge request": lambda made: signup.answer_pledge_request(made.pledge_request.pk),
    "remind of a draft": lambda made: years.remind_draft(made.draft),
    "close a year": lambda made: years.close_year(made.pledge.year),
    "write an import": lambda made: workflow.run_step(made.run.pk),
    "answer an import's questions": lambda made: workflow.answer_questions(
        made.checked, {typed.pk: workflow.OrganizationChoice() for typed in made.checked.organizations.all()}
    ),
    "discard an import": lambda made: workflow.discard_import(made.checked),
    "undo an import": undo,
    "take an uploaded list": lambda made: contact_import.import_upload(
        made.list_audience, seen=made.list_mark, skip_rejected=True
    ),
    "approve a listing": lambda made: profiles.approve_listing(made.kept, by="anna"),
    "claim": lambda made: delivery.claim(),
    "claim a batch": lambda made: bulk_delivery.claim(),
    "decide about an unknown": lambda made: control.resolve_unknown(made.asked, True),
}


def save_contact_page(made: SimpleNamespace) -> None:
    save_page("admin:partners_contact_change", made.coming)


def save_organization_page(made: SimpleNamespace) -> None:
    save_page("admin:partners_organization_change", made.other)


def save_page(name: str, row: Model) -> None:
    """Correct Dara's address on a page of the admin."""
    staff, page = web_client.staff_client("change_contact", "change_organization"), reverse(name, args=[row.pk])
    fields = web_client.form_fields(staff.get(page))
    [field] = [name for name, value in fields.items() if value == "dara@example.org"]
    assert staff.post(page, fields | {field: "new@example.org"}).status_code == 302


PAGES = {"save a contact's page": save_contact_page, "save an organization's page": save_organization_page}


# Each rule alone ----------------------------------------------------------------------------------------------------

LOCKS = re.compile(r'FOR (?:NO KEY |KEY )?(?:UPDATE|SHARE)(?: OF "(\w+)")?|^UPDATE "(\w+)"|^DELETE FROM "(\w+)"')


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
        if table_name := locked_table(sql):
            found.append((table_name, sql))
        return execute(sql, params, many, context)

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


def first_of(table_name: str, statements: list[tuple[str, str]]) -> list[str]:
    """The first statement that locks rows of a table, if there is one."""
    return [sql for name, sql in statements if name == table_name][:1]


def test_each_rule_locks_tables_in_order_and_rows_by_primary_key(world):
    wrong = {}
    for name, rule in (RULES | PAGES).items():
        statements = locking_statements(rule, world)
        tables = first_locks(statements)
        assert tables, f"{name}: does nothing here"
        unordered = [sql for _table, sql in statements if sql.startswith("SELECT") and not is_in_order(sql)]
        unordered += [sql for sql in first_of("partners_duplicatecandidate", statements) if sql.startswith("DELETE")]
        if unordered or tables != sorted(tables, key=ORDER.index):
            wrong[name] = tables, unordered
    assert wrong == {}


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
    tables = {name: set(first_locks(locking_statements(rule, world))) for name, rule in RULES.items()}
    deadlocks, number = [], 0
    for one, other in combinations(RULES, 2):
        shared = tables[one] & tables[other]
        if len(shared) > 1:
            number += 1
            try:
                pairs.run(RULES[one], RULES[other], shared)
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
    run_crosswise(*(lambda pk=each.pk: rsvp_links.answer_link_request(pk) for each in asked), Event.objects.all())
    assert Message.objects.filter(kind=EmailKind.RSVP_LINK).count() == 4


@pytest.fixture
def invitation() -> Invitation:
    """Written and not sent; its contact is on their own."""
    return factories.invite(factories.event(), factories.person("Alma"))


def test_correcting_an_email_and_stopping_the_mailing_do_not_deadlock(invitation):
    run_crosswise(
        lambda: contacts.correct_contact(invitation.contact, email="new@example.org"),
        lambda: writing.stop_mailing(invitation.mailing),
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
        lambda: writing.stop_mailing(notice),
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
