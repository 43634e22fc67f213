"""Renewing pledges for the next school year with the same link, closing and reopening years, and the reminder of a
draft."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.core.links import LinkNotFound
from imagine.mail import preferences
from imagine.mail.models import Message
from partners import tasks
from partners.models import Contact, Pledge, PledgeYear, PromiseType, School
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from partners.pledges.editing import PledgeChanged
from partners.pledges.page_state import PledgeClosed
from tests import factories, snapshots

pytestmark = pytest.mark.django_db


def sign_again(pledge: Pledge, *promises, **changed) -> Pledge:
    return pledge_editing.sign_pledge(
        pledge.token, **factories.pledge_data(pledge.token, *promises, **changed), name="Alma Reyes"
    )


# Renewal ---------------------------------------------------------------------------------------------------------


def test_old_link_proposes_last_years_promises_and_writes_nothing():
    school, retired = factories.school("Edison High"), factories.school("Gone High")
    promises = (
        factories.promise_data("tours", 6, schools=(school, retired), months=(9,)),
        factories.promise_data("mentors", 4),
        factories.promise_data("service", 1),
    )
    pledge = factories.signed_pledge(promises=promises)
    factories.close_year()
    factories.pledge_year(2028)
    PromiseType.objects.filter(code="service").update(is_retired=True)
    School.objects.filter(pk=retired.pk).update(is_retired=True)
    state = page_state.load_page_state(pledge.token)
    assert (state.pledge, state.previous_pledge, state.year.pk, state.is_open) == (None, pledge, 2028, True)
    assert state.promises == [
        factories.promise_data("tours", 6, schools=(school,), months=(9,)),
        factories.promise_data("mentors", 4),
    ]
    assert state.profile["name"] == "Port Gate Logistics"
    assert snapshots.pledges() == [("Port Gate Logistics", 2027, "closed", 1)]


def test_renewal_changes_and_drops_promises_but_keeps_last_years_pledge():
    pledge = factories.signed_pledge(
        promises=(factories.promise_data("tours", 6), factories.promise_data("mentors", 4))
    )
    factories.close_year()
    factories.pledge_year(2028)
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 10), sector="labor")
    new, repeated = (pledge_editing.sign_pledge(pledge.token, **page, name="Chue Vang") for _twice in range(2))
    assert new == repeated
    assert snapshots.pledges() == [
        ("Port Gate Logistics", 2027, "closed", 1),
        ("Port Gate Logistics", 2028, "signed", 1),
    ]
    assert [snapshots.promised_amounts(pledge), snapshots.promised_amounts(new)] == [
        {"tours": 6, "mentors": 4},
        {"tours": 10},
    ]
    assert (new.contact, new.language) == (pledge.contact, pledge.language)
    assert snapshots.emails_to()[-1] == "signed 1 alma@example.org"


def test_older_links_open_the_newest_pledge():
    first = factories.signed_pledge()
    factories.pledge_year(2028)
    second = sign_again(first, factories.promise_data("tours", 8))
    factories.pledge_year(2029)
    third = sign_again(first, factories.promise_data("tours", 9))
    for pledge in (first, second, third):
        assert page_state.load_page_state(pledge.token).pledge == third
    pledge_editing.sign_pledge(
        first.token, **factories.pledge_data(first.token, factories.promise_data("tours", 10)), name="Alma Reyes"
    )
    assert [snapshots.promised_amounts(pledge)["tours"] for pledge in (first, second, third)] == [6, 8, 10]


def test_renewing_from_an_outdated_page_raises_pledge_changed():
    pledge = factories.signed_pledge()
    factories.pledge_year(2028)
    page = factories.pledge_data(pledge.token, factories.promise_data("tours", 9))
    sign_again(pledge, factories.promise_data("tours", 7))
    with pytest.raises(PledgeChanged):
        pledge_editing.sign_pledge(pledge.token, **page, name="Chue Vang")
    assert snapshots.promised_amounts(Pledge.objects.get(year=2028)) == {"tours": 7}


def test_closed_year_shows_the_signed_pledge_until_a_newer_year_opens():
    pledge = factories.signed_pledge()
    factories.close_year()
    PledgeYear.objects.create(school_year=2028, opens_on=timezone.localdate() + timedelta(days=1))
    state = page_state.load_page_state(pledge.token)
    assert (state.pledge, state.is_open, state.promises) == (pledge, False, [factories.promise_data("tours", 6)])


def test_signup_with_last_years_address_emails_the_renewal_link():
    pledge = factories.signed_pledge()
    factories.close_year()
    factories.pledge_year(2028)
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    start = factories.unsaved_pledge_request()
    pledge_signup.request_pledge(start)
    pledge_signup.answer_request_once(start.pk)
    message = Message.objects.order_by("-created_at")[0]
    assert message.subject == "The link to your promises for 2028–29"
    assert pledge.token in message.body_text


# The link --------------------------------------------------------------------------------------------------------


def test_replaced_link_opens_the_pledge_and_old_links_do_not():
    first = factories.signed_pledge()
    factories.pledge_year(2028)
    second = sign_again(first)
    replaced = pledge_links.replace_pledge_link(first)
    for old in (first.token, second.token):
        with pytest.raises(LinkNotFound):
            page_state.load_page_state(old)
    assert page_state.load_page_state(replaced.token).pledge == second
    message = Message.objects.order_by("-created_at")[0]
    assert Pledge.objects.get(pk=second.pk).token in message.body_text
    assert message.kind in {"pledge_new_link", "pledge_signed"}  # unsent email is rewritten
    assert snapshots.changes(first)[-1] == {"link": ["", "replaced"]}
    pledge_links.replace_pledge_link(first)
    new = Message.objects.filter(kind="pledge_new_link")
    assert Pledge.objects.get(pk=second.pk).token in new.get().body_text  # the previous email hadn't been sent


# The year --------------------------------------------------------------------------------------------------------


def test_closing_and_reopening_a_year_twice_is_harmless_and_emails_no_one():
    pledge, draft = factories.signed_pledge(), factories.draft_pledge("Other", "other@example.org")
    emails = snapshots.emails_to()
    year = PledgeYear.objects.get()
    closed = [pledge_years.close_year(year).closed_at for _twice in range(2)]
    assert closed[0] == closed[1]
    assert [row[2] for row in snapshots.pledges()] == ["closed", "closed"]
    with pytest.raises(PledgeClosed):
        sign_again(pledge, factories.promise_data("tours", 9))
    for _twice in range(2):
        pledge_years.reopen_year(year)
    sign_again(pledge, factories.promise_data("tours", 9))
    assert [row[2] for row in snapshots.pledges()] == ["signed", "draft"]
    assert snapshots.emails_to() == [*emails, "signed 2 alma@example.org"]
    assert snapshots.changes(PledgeYear(pk=2027)) == [{"closed_at": [False, True]}, {"closed_at": [True, False]}]
    assert snapshots.promised_amounts(draft) == {"tours": 6}


# Reminders -------------------------------------------------------------------------------------------------------


def reminders() -> list[str]:
    return [email for email in snapshots.emails_to() if email.startswith("draft")]


def test_unsigned_draft_is_reminded_once():
    pledge = factories.draft_pledge()
    factories.backdate_pledge(pledge, 4)
    tasks.remind_drafts()
    assert reminders() == []
    factories.backdate_pledge(pledge, 6)
    for _twice in range(2):
        tasks.remind_drafts()
    assert reminders() == ["draft alma@example.org"]
    pledge_editing.save_draft(pledge.token, **factories.pledge_data(pledge.token, factories.promise_data("tours", 7)))
    factories.backdate_pledge(pledge, 6)
    tasks.remind_drafts()
    assert not pledge_years.remind_draft(pledge)
    assert reminders() == ["draft alma@example.org"]


def test_reminder_goes_to_primary_contact_if_draft_contact_was_deleted():
    pledge = factories.draft_pledge("Erased", "erased@example.org")
    primary_contact = factories.contact(pledge.organization, "main@example.org", "Ben Ochoa")
    Contact.objects.filter(email="erased@example.org").delete()
    Contact.objects.filter(pk=primary_contact.pk).update(is_primary=True)
    factories.backdate_pledge(pledge, 6)
    tasks.remind_drafts()
    assert reminders() == ["draft main@example.org"]


def test_no_reminder_if_signed_opted_out_contact_deleted_or_past_year():
    signed = factories.signed_pledge("Signed", "signed@example.org")
    unsubscribed = factories.draft_pledge("Unwilling", "unwilling@example.org")
    deleted = factories.draft_pledge("Erased", "erased@example.org")
    last_years = factories.draft_pledge("Last year", "last@example.org")
    preferences.set_topics(preferences.get_preference("unwilling@example.org"), reminders=False)
    Contact.objects.filter(email="erased@example.org").delete()
    old = PledgeYear.objects.create(school_year=2026, opens_on=timezone.localdate() - timedelta(days=300))
    Pledge.objects.filter(pk=last_years.pk).update(year=old)
    for pledge in (signed, unsubscribed, deleted, last_years):
        factories.backdate_pledge(pledge, 6)
    for _twice in range(2):
        tasks.remind_drafts()
    factories.close_year()
    factories.close_year(old)
    for pledge in (unsubscribed, deleted):
        Pledge.objects.filter(pk=pledge.pk).update(reminded_at=None)
    tasks.remind_drafts()
    assert reminders() == []
