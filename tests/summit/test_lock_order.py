"""Rules that lock rows of several tables do so in one order (docs/rules.md, Locks); otherwise they can deadlock.

There are three kinds of tests: each rule's statements are checked; each pair of rules that lock two tables in common
runs in threads; and some pairs that were once wrong run with commits. Each kind has a control that must fail.
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

# The lock order. Other tables are only written while holding one of these locks, such as guests under the event's.
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
    """Two events and two organizations that share people, with some of everything."""
    world_data = SimpleNamespace(event=factories.event(slug="one", capacity=2), other_event=factories.event(slug="two"))
    world_data.hidden = factories.event(slug="hidden", is_published=False)
    make_partners(world_data)
    make_guests(world_data)
    make_invitations(world_data)
    make_files(world_data)
    make_past(world_data)
    make_staff(world_data)
    world_data.link_request = LinkRequest.objects.create(email="asha@example.org")
    world_data.audience = factories.audience(uploaded_contacts=[world_data.leaving, factories.person("New")])
    failed = {"state": Message.State.FAILED, "claim_id": None, "claim_expires_at": None}
    for name, about in (
        ("rsvp_email", world_data.rsvps[0]),
        ("pledge_email", world_data.draft),
        ("asked", world_data.invitation),
    ):
        message = about.messages.order_by("created_at").first()
        Message.objects.filter(pk=message.pk).update(**failed)
        setattr(world_data, name, Message.objects.get(pk=message.pk))
    return world_data


def make_partners(world_data: SimpleNamespace) -> None:
    world_data.pledge = factories.signed_pledge()
    world_data.draft = factories.draft_pledge("Port Gate, Incorporated", "jun@example.org")
    world_data.kept, world_data.other = world_data.pledge.organization, world_data.draft.organization
    world_data.third, world_data.empty = factories.organization("Zeta Freight"), factories.organization("Empty Lot")
    duplicates.dismiss_candidate(world_data.other, world_data.third, by="staff")
    DuplicateCandidate.objects.create(
        organization_a=world_data.kept, organization_b=world_data.other, score=90, reasons=[]
    )
    world_data.contact, world_data.duplicate = world_data.kept.contacts.get(), factories.contact(world_data.other)
    world_data.leaving = factories.contact(world_data.third, "zeta@example.org")
    factories.backdate_pledge(world_data.draft, 30)
    years.remind_draft(world_data.draft)
    world_data.page = factories.pledge_data(world_data.draft.token, factories.promise_data("mentors", 2))
    world_data.pledge_request = factories.unsaved_pledge_request("Port Gate Logistics", "alma@example.org")
    signup.request_pledge(world_data.pledge_request)
    duplicates.scan_organizations()


def make_guests(world_data: SimpleNamespace) -> None:
    both = world_data.event, world_data.other_event
    world_data.rsvps = [factories.rsvp(event, name, size=2) for event in both for name in ("Asha", "Ben")]
    Rsvp.objects.update(organization=world_data.other)
    world_data.typed = factories.rsvp(world_data.event, "Cara", organization_name="Harbor Bakery")
    world_data.opened = promise_from_rsvp(world_data.rsvps[1])
    world_data.opened_page = factories.pledge_data(
        world_data.opened.browser_token, factories.promise_data("mentors", 2)
    )
    stale = promise_from_rsvp(world_data.rsvps[0])
    draft = editing.save_draft(
        stale.browser_token, **factories.pledge_data(stale.browser_token, factories.promise_data())
    )
    PledgeRequest.objects.filter(pk=stale.pk).update(created_at=timezone.now() - signup.REQUEST_LIFETIME)
    Rsvp.objects.filter(pk=world_data.rsvps[3].pk).update(organization=draft.organization)


def promise_from_rsvp(rsvp: Rsvp) -> PledgeRequest:
    invited = factories.unsaved_pledge_request("Mills", rsvp.email, rsvp.name, source=rsvp_links.rsvp_source(rsvp))
    return signup.open_pledge_request(invited)


def make_invitations(world_data: SimpleNamespace) -> None:
    """Some invitations are sent and followed by a notice, one is queued, and one isn't written yet."""
    world_data.mailing = factories.write_mailing(
        world_data.other_event, world_data.contact, world_data.leaving, factories.person("Lone")
    )
    world_data.invitation = world_data.other_event.invitations.get(contact=world_data.contact)
    Message.objects.filter(mailing=world_data.mailing).exclude(object_id=world_data.invitation.pk).update(
        state="sent", sent_at=timezone.now()
    )
    event = Event.objects.get(pk=world_data.other_event.pk)
    event.venue = "Stockton Civic Auditorium"
    world_data.moved = event_changes.save_event(event)
    world_data.notice = Mailing.objects.get(template=SummitEmailKind.INVITATION_MOVED)
    writing.write_mailing(world_data.notice)
    writing.write_mailing(world_data.mailing)
    sending.write_reminder_batch(world_data.moved, Reminder.Kind.WEEK, world_data.moved.starts_at - timedelta(days=6))
    guest = factories.person("Guest", world_data.other)
    world_data.begun = factories.start_mailing(world_data.event, world_data.duplicate, factories.person("Late"), guest)
    world_data.invited_guest = world_data.event.invitations.get(contact=guest)
    world_data.invited_guest.rsvp = world_data.rsvps[1]
    world_data.invited_guest.save()
    world_data.coming = factories.person("Dara", world_data.other)
    invitation, rsvp = factories.invite(world_data.event, world_data.coming), factories.rsvp(world_data.event, "Dara")
    Invitation.objects.filter(pk=invitation.pk).update(rsvp=rsvp)


def make_files(world_data: SimpleNamespace) -> None:
    year = world_data.pledge.year
    world_data.done = workflow.start_import(
        as_csv(table([row(organization="Delta Foods", contact="Didi", e_mail="didi@example.org")])),
        **(file := {"file_name": "a.csv", "year": year, "by": "anna", "language": "en"}),
    )
    workflow.confirm_import(world_data.done)
    content = as_csv(table([row(), row(organization="Omega Movers", contact="Omar", e_mail="omar@example.org")]))
    world_data.run = workflow.start_import(content, **file)
    world_data.checked = workflow.start_import(content, **file)
    Import.objects.filter(pk=world_data.run.pk).update(
        state=Import.State.WRITING, steps=world_data.run.organizations.count()
    )
    world_data.list_audience = factories.audience()
    people = "Email,Name,Organization\nalma@example.org,Alma,Port Gate Logistics\nomar@example.org,Omar,Omega Movers\n"
    contact_import.store_upload(world_data.list_audience, people.encode(), "people.csv")
    world_data.list_mark = world_data.list_audience.upload.mark


def make_past(world_data: SimpleNamespace) -> None:
    """An event of long ago, to which one person came and one didn't want to come, and its email."""
    world_data.past = factories.event(slug="past")
    guest = factories.rsvp(world_data.past, "Fay", note="Aisle seat, please")
    guest.guests.update(dietary_needs="vegan", accessibility_needs="ramp")
    declined = factories.invite(world_data.past, factories.person("Gus"))
    responses.decline_invitation(declined, message="Fridays suit us better.")
    long_ago = timedelta(days=1000)
    dates = ("rsvp_opens_at", "rsvp_closes_at", "starts_at", "ends_at")
    Event.objects.filter(pk=world_data.past.pk).update(
        **{name: getattr(world_data.past, name) - long_ago for name in dates}
    )
    guest.messages.update(state="sent", sent_at=timezone.now() - long_ago)


def make_staff(world_data: SimpleNamespace) -> None:
    world_data.staff = web_client.staff_client("change_contact", "change_organization")
    world_data.clerk = User.objects.get(username="clerk")
    world_data.app = add_app(world_data.clerk)
    second_factor.new_recovery_codes(world_data.clerk)
    world_data.pages = {}


def save_event(world_data: SimpleNamespace) -> None:
    world_data.moved.venue, world_data.moved.capacity = "Another hall", 50
    event_changes.save_event(world_data.moved)


def notify_guests(world_data: SimpleNamespace) -> None:
    event_changes.notify_some_guests(world_data.moved.pk)


def rsvps_to_match(world_data: SimpleNamespace) -> QuerySet[Rsvp]:
    return Rsvp.objects.filter(pk__in=[world_data.typed.pk, *(each.pk for each in world_data.rsvps)])


def undo(world_data: SimpleNamespace) -> None:
    undo_pledges({world_data.draft.pk: ""})
    undo_contacts(
        {world_data.contact.pk: "", world_data.leaving.pk: fingerprints.contact_fingerprint(world_data.leaving)}
    )


def undo_empty(world_data: SimpleNamespace) -> None:
    undo_organizations({world_data.empty.pk: fingerprints.organization_fingerprint(world_data.empty)})


def refused(rule: Callable, run: Import) -> None:
    """Under its locks it finds another import at work."""
    with pytest.raises(workflow.ImportRefused):
        rule(run)


def save_by_browser_link(world_data: SimpleNamespace) -> None:
    editing.save_draft(world_data.opened.browser_token, **world_data.opened_page)


def write_reminders(world_data: SimpleNamespace) -> None:
    sending.write_reminder_batch(world_data.event, Reminder.Kind.WEEK, world_data.event.starts_at)


def report(world_data: SimpleNamespace, kind: Report.Kind) -> Report:
    return Report(kind, world_data.asked.pk, frozenset({world_data.asked.recipient.lower()}), "5.1.1")


def remove_mentions(world_data: SimpleNamespace) -> None:
    erasing.remove_mentions(Person(world_data.asked.recipient), Message, Message.objects.values_list("pk", flat=True))


def confirm_totp(world_data: SimpleNamespace) -> None:
    session: dict = {}
    second_factor.confirm_totp(session, world_data.clerk, code_of(second_factor.new_totp(session, world_data.clerk)))


# By the rows of the table in docs/rules.md, as they begin.
RULES_BY_ROW: dict[str, dict[str, Callable[[SimpleNamespace], object]]] = {
    "change, cancel, reinstate, promote RSVPs": {
        "make an RSVP": lambda world_data: seats.reserve(factories.unsaved_rsvp(world_data.other_event, "Eva"), size=1),
        "put many on the waitlist": lambda world_data: seats.apply_to_many(
            seats.move_to_waitlist, world_data.rsvps[:2]
        ),
        "cancel an RSVP": lambda world_data: seats.cancel(world_data.rsvps[0]),
        "replace an RSVP's link": lambda world_data: rsvp_links.replace_rsvp_link(world_data.rsvps[2]),
        "correct an RSVP's address": lambda world_data: rsvp_links.change_email(world_data.rsvps[2], "new@example.org"),
        "resend an RSVP's email": lambda world_data: queue.resend(world_data.rsvp_email),
    },
    "delete RSVPs": {
        "delete RSVPs": lambda world_data: seats.delete_many([*world_data.rsvps, world_data.typed]),
    },
    "change or cancel an event": {
        "move an event": save_event,
        "publish an event": lambda world_data: event_changes.publish_event(world_data.hidden),
        "cancel an event": lambda world_data: event_changes.cancel_event(world_data.moved),
    },
    "write pending notices": {
        "notify guests": notify_guests,
        "write reminders": write_reminders,
    },
    "delete outdated reminders": {
        "take reminders back": lambda world_data: sending.delete_outdated_reminders(
            timezone.now() + timedelta(days=90)
        ),
    },
    "answer a lost-link request": {
        "answer a lost link": lambda world_data: rsvp_links.email_requested_links(world_data.link_request.pk),
    },
    "match RSVPs": {
        "match RSVPs": lambda world_data: organization_matching.assign_organization(
            rsvps_to_match(world_data), world_data.kept.pk, adds_contacts=True
        ),
        "match RSVPs with a new organization": lambda world_data: organization_matching.create_organization_for(
            rsvps_to_match(world_data), name="Bakery"
        ),
        "match RSVPs with none": lambda world_data: organization_matching.assign_no_organization(
            rsvps_to_match(world_data)
        ),
    },
    "accept or decline an invitation": {
        "accept": lambda world_data: responses.accept_invitation(world_data.invitation, Rsvp(name="Alma"), size=1),
        "decline": lambda world_data: responses.decline_invitation(world_data.invitation),
        "replace an invitation's link": lambda world_data: responses.replace_invitation_link(world_data.invitation),
        "replace the invitation's link of a guest": lambda world_data: responses.replace_invitation_link(
            world_data.invited_guest
        ),
        "resend an invitation": lambda world_data: queue.resend(world_data.asked),
    },
    "start a mailing": {
        "invite": lambda world_data: starting.start_invitations(
            world_data.event, world_data.audience, count=2, by="office"
        ),
    },
    "write a mailing": {
        "write invitations": lambda world_data: writing.write_next_batch(world_data.begun.pk),
    },
    "stop a mailing": {
        "stop a mailing": lambda world_data: writing.stop_invitations(world_data.mailing),
        "stop a notice": lambda world_data: writing.stop_invitations(world_data.notice),
    },
    "pause or resume a mailing": {
        "pause a mailing": lambda world_data: control.pause_mailing(world_data.mailing),
    },
    "put an uploaded list": {
        "take an uploaded list": lambda world_data: contact_import.import_upload(
            world_data.list_audience, seen=world_data.list_mark, skip_rejected=True
        ),
    },
    "add, correct or delete a contact": {
        "correct a contact's address": lambda world_data: contacts.correct_contact(
            world_data.contact, email="new@example.org"
        ),
        "correct a guest's address": lambda world_data: contacts.correct_contact(
            world_data.coming, email="new@example.org"
        ),
        "make a contact the primary one": lambda world_data: contacts.correct_contact(
            world_data.duplicate, is_primary=True
        ),
        "delete a contact": lambda world_data: contacts.delete_contact(world_data.contact),
    },
    "merge or delete organizations": {
        "delete an organization": lambda world_data: contacts.delete_organization(world_data.third),
        "merge": lambda world_data: merging.merge_organizations(world_data.kept, world_data.other),
        "merge the other way": lambda world_data: merging.merge_organizations(world_data.other, world_data.kept),
    },
    "approve or reject a listing": {
        "approve a listing": lambda world_data: profiles.approve_listing(world_data.kept, by="anna"),
    },
    "scan for duplicates": {
        "find duplicates": lambda world_data: duplicates.scan_organizations(force=True),
    },
    "dismiss a possible duplicate": {
        "dismiss a duplicate": lambda world_data: duplicates.dismiss_candidate(
            world_data.other, world_data.kept, by="anna"
        ),
    },
    "save, sign, start or delete a pledge": {
        "save a draft": lambda world_data: editing.save_draft(world_data.draft.token, **world_data.page),
        "sign": lambda world_data: editing.sign_pledge(
            world_data.draft.token, **world_data.page, name="Jun", role="Owner"
        ),
        "email a pledge's link": lambda world_data: links.email_link(world_data.pledge, by_staff=True),
        "replace a pledge's link": lambda world_data: links.replace_pledge_link(world_data.draft),
        "start a pledge for a partner": lambda world_data: staff.start_pledge_for(world_data.third, emails_link=True),
        "delete a pledge": lambda world_data: editing.delete_pledge(world_data.draft),
        "resend a pledge's email": lambda world_data: queue.resend(world_data.pledge_email),
    },
    "the same through a link without a pledge": {
        "save a draft by a browser's link": save_by_browser_link,
    },
    "answer a pledge request": {
        "answer a pledge request": lambda world_data: signup.answer_request_once(world_data.pledge_request.pk),
    },
    "remind of a draft": {
        "remind of a draft": lambda world_data: years.remind_draft(world_data.draft),
    },
    "close or reopen a school year": {
        "close a year": lambda world_data: years.close_year(world_data.pledge.year),
    },
    "read, write or undo an import": {
        "write an import": lambda world_data: workflow.run_step(world_data.run.pk),
        "answer an import's questions": lambda world_data: workflow.answer_questions(
            world_data.checked,
            {typed.pk: workflow.OrganizationChoice() for typed in world_data.checked.organizations.all()},
        ),
        "discard an import": lambda world_data: workflow.discard_import(world_data.checked),
        "undo an import": undo,
        "undo an import's organizations": undo_empty,
        "remove a person from imports": lambda world_data: partners_retention.remove_from_imports("omar@example.org"),
    },
    "confirm or undo an import": {
        "confirm an import": lambda world_data: refused(workflow.confirm_import, world_data.checked),
        "undo the last import": lambda world_data: refused(workflow.undo_import, world_data.done),
    },
    "record a delivery report": {
        "record a bounce": lambda world_data: recording.record_report(report(world_data, Report.Kind.FAILED)),
        "record a complaint": lambda world_data: recording.record_report(report(world_data, Report.Kind.COMPLAINT)),
    },
    "claim messages": {
        "claim": lambda world_data: delivery.claim_message(),
        "claim a batch": lambda world_data: bulk_delivery.claim_batch(),
    },
    "decide about an email": {
        "decide about an unknown": lambda world_data: control.resolve_unknown(world_data.asked, True),
    },
    "remove needs, notes or names": {
        "clear needs": lambda world_data: summit_retention.clear_needs(),
        "clear notes": lambda world_data: summit_retention.clear_notes(),
        "remove names of RSVPs": lambda world_data: summit_retention.anonymize_rsvps(world_data.rsvps[:2]),
    },
    "clear what people wrote": {
        "clear why people declined": lambda world_data: summit_retention.clear_decline_messages(),
    },
    "delete stale pledge requests": {
        "delete stale pledge requests": lambda world_data: signup.delete_stale_requests(),
        "erase a person's pledge requests": lambda world_data: erasing.delete_pledge_requests(
            Person("asha@example.org")
        ),
    },
    "clear the text of old emails": {
        "clear the text of email": lambda world_data: mail_retention.clear_content(),
        "delete old email": lambda world_data: mail_retention.delete_old_messages(),
    },
    "erase a person's email": {
        "erase a person's email": lambda world_data: erasing.delete_messages(Person("ben@example.org")),
        "take a person out of others' email": remove_mentions,
    },
    "remove a signer": {
        "remove a signer": lambda world_data: partners_retention.remove_signer(
            world_data.kept.pk, names=["Alma Reyes"]
        ),
    },
    "change the second steps of an account": {
        "add an app": confirm_totp,
        "replace recovery codes": lambda world_data: second_factor.new_recovery_codes(world_data.clerk),
        "remove an app": lambda world_data: second_factor.remove(world_data.clerk, second_factor.TOTP),
        "reset second steps": lambda world_data: second_factor.reset(world_data.clerk),
        "enter a wrong code": lambda world_data: second_factor.check_code(world_data.clerk, wrong_code(world_data.app)),
    },
}
RULES = {name: rule for rules in RULES_BY_ROW.values() for name, rule in rules.items()}


def save_contact_page(world_data: SimpleNamespace) -> None:
    save_page(world_data, "admin:partners_contact_change", world_data.coming)


def save_organization_page(world_data: SimpleNamespace) -> None:
    save_page(world_data, "admin:partners_organization_change", world_data.other)


def save_page(world_data: SimpleNamespace, name: str, row: Model) -> None:
    """Correct Dara's email address on a page of the admin."""
    page = reverse(name, args=[row.pk])
    if page not in world_data.pages:
        world_data.pages[page] = web_client.form_fields(world_data.staff.get(page))
    fields = world_data.pages[page]
    [field] = [name for name, value in fields.items() if value == "dara@example.org"]
    assert world_data.staff.post(page, fields | {field: "new@example.org"}).status_code == 302


PAGES = {"save a contact's page": save_contact_page, "save an organization's page": save_organization_page}


# Each rule alone ----------------------------------------------------------------------------------------------------

LOCKS = re.compile(r'FOR (?:NO KEY |KEY )?(?:UPDATE|SHARE)(?: OF "(\w+)")?|^UPDATE "(\w+)"|^DELETE FROM "(\w+)"')

BY_PLEDGE_LINK = '"partners_pledge"."token" = '  # finds nothing and locks nothing if the link has no pledge yet


def locked_table(sql: str) -> str | None:
    """Return the table whose rows a statement locks."""
    if not (found := LOCKS.search(sql.strip())):
        return None
    if named := next(filter(None, found.groups()), None):
        return named
    return re.search(r'FROM "?(\w+)"?', sql)[1]


def is_in_order(sql: str) -> bool:
    """Return whether a locking SELECT locks a single row, locks rows ordered by primary key, or never waits."""
    ends = r'(ORDER BY (\d+|"\w+"\."(id|school_year|pk)") ASC|LIMIT (1|21)|"?id"? = \S+( LIMIT \d+)?)'
    return bool(re.search(ends + r"\s+FOR ", sql)) or "SKIP LOCKED" in sql


def locking_statements(rule: Callable, world_data: SimpleNamespace) -> list[tuple[str, str]]:
    """Return the table and text of each locking statement of a rule. Its changes are rolled back."""
    found = []

    def record_locks(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if (table_name := locked_table(sql)) and not (BY_PLEDGE_LINK in sql and not context["cursor"].rowcount):
            found.append((table_name, sql))
        return result

    with connection.execute_wrapper(record_locks):
        run_and_roll_back(rule, world_data)
    return found


def run_and_roll_back(rule: Callable, world_data: SimpleNamespace) -> None:
    """Run the rule, check deferred constraints, and roll it back."""
    with transaction.atomic():
        rule(world_data)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def first_locks(statements: list[tuple[str, str]]) -> list[str]:
    """Return tables in the order of their first lock, if the order names them. Statements that skip locked rows while
    other locks are held don't count, because they never wait."""
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
    """Two threads with their own connections that run pairs of rules."""

    def __init__(self, world_data: SimpleNamespace):
        self.made, self.one, self.other = world_data, ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def run(self, first: Callable, second: Callable, shared: set[str]) -> None:
        """Run the first rule until it locks rows of the first table that both lock, then run the second rule. The first
        one continues when the second is done or waits for it. An OperationalError is a deadlock."""
        paused, resumed = Future(), Future()
        one = self.one.submit(self.paused_once, first, shared, paused, resumed)
        paused.result(10)
        pid: Future[int] = Future()
        other = self.other.submit(self.telling_pid, second, pid)
        while not other.done() and not is_blocked(pid.result(10)):
            time.sleep(0.002)
        resumed.set_result(None)
        for each in (one, other):
            each.result(30)

    def paused_once(self, rule: Callable, shared: set[str], paused: Future, resumed: Future) -> None:
        def pause(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if locked_table(sql) in shared and not paused.done():
                paused.set_result(None)
                resumed.result(30)
            return result

        with connection.execute_wrapper(pause), suppress(RuleViolation):
            run_and_roll_back(rule, self.made)
        if not paused.done():
            paused.set_result(None)

    def telling_pid(self, rule: Callable, pid: Future) -> None:
        connection.ensure_connection()
        pid.set_result(connection.connection.info.backend_pid)
        with suppress(RuleViolation):
            run_and_roll_back(rule, self.made)

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


def lock_backwards(world_data: SimpleNamespace) -> None:
    """Lock an invitation first, then its mailing."""
    Invitation.objects.filter(pk=world_data.invitation.pk).lock()
    Mailing.objects.filter(pk=world_data.mailing.pk).lock()


def test_control_rule_that_locks_in_reverse_order_deadlocks(world, pairs):
    """If this test fails, the two tests above prove nothing."""
    tables = first_locks(locking_statements(lock_backwards, world))
    assert tables != sorted(tables, key=ORDER.index)
    with pytest.raises(OperationalError, match="deadlock"):
        pairs.run(RULES["stop a mailing"], lock_backwards, set(tables))


# Some that were wrong once, with commits ----------------------------------------------------------------------------


def run_crosswise(first: Callable, second: Callable, *held: QuerySet) -> None:
    """Run two rules that start at the same moment, when each waits for its first lock. An OperationalError is a
    deadlock."""

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
    invited = [LinkRequest.objects.create(email=f"{name}@example.org") for name in ("alma", "ben")]
    run_crosswise(*(lambda pk=each.pk: rsvp_links.email_requested_links(pk) for each in invited), Event.objects.all())
    assert Message.objects.filter(kind=SummitEmailKind.RSVP_LINK).count() == 4


@pytest.fixture
def invitation() -> Invitation:
    """An unsent invitation of a contact without an organization."""
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
    """An unsent notice that the event was rescheduled."""
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
