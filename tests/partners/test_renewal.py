"""From one school year to the next by the same link, closing and reopening, and the one reminder of a draft."""

from datetime import timedelta

import pytest
from django.utils import timezone

from imagine.mail import preferences
from imagine.mail.models import Message
from partners import tasks
from partners.models import Contact, Pledge, PledgeYear, PromiseType, School
from partners.pledges import editing as pledge_editing
from partners.pledges import links as pledge_links
from partners.pledges import page_state
from partners.pledges import signup as pledge_signup
from partners.pledges import years as pledge_years
from partners.pledges.editing import Changed
from partners.pledges.page_state import Closed, Missing
from tests.partners import look, make

pytestmark = pytest.mark.django_db


def renewed(pledge: Pledge, *promises, **changed) -> Pledge:
    return pledge_editing.sign(pledge.token, **make.page(pledge.token, *promises, **changed), name="Alma Reyes")


# Renewal ---------------------------------------------------------------------------------------------------------


def test_old_link_proposes_last_years_promises_and_writes_nothing():
    school, gone = make.school("Edison High"), make.school("Gone High")
    promises = (
        make.promised("tours", 6, schools=(school, gone), months=(9,)),
        make.promised("mentors", 4),
        make.promised("service", 1),
    )
    pledge = make.signed(promises=promises)
    make.closed()
    make.year(2028)
    PromiseType.objects.filter(code="service").update(is_retired=True)
    School.objects.filter(pk=gone.pk).update(is_retired=True)
    sheet = page_state.find(pledge.token)
    assert (sheet.pledge, sheet.before, sheet.year.pk, sheet.is_open) == (None, pledge, 2028, True)
    assert sheet.promises == [make.promised("tours", 6, schools=(school,), months=(9,)), make.promised("mentors", 4)]
    assert sheet.profile["name"] == "Port Gate Logistics"
    assert look.pledges() == [("Port Gate Logistics", 2027, "closed", 1)]


def test_renewal_keeps_changes_and_drops_and_leaves_last_year_as_it_was():
    pledge = make.signed(promises=(make.promised("tours", 6), make.promised("mentors", 4)))
    make.closed()
    make.year(2028)
    page = make.page(pledge.token, make.promised("tours", 10), sector="labor")
    new, again = (pledge_editing.sign(pledge.token, **page, name="Chue Vang") for _twice in range(2))
    assert new == again
    assert look.pledges() == [("Port Gate Logistics", 2027, "closed", 1), ("Port Gate Logistics", 2028, "signed", 1)]
    assert [look.amounts(pledge), look.amounts(new)] == [{"tours": 6, "mentors": 4}, {"tours": 10}]
    assert (new.contact, new.language) == (pledge.contact, pledge.language)
    assert look.letters()[-1] == "signed 1 alma@example.org"


def test_every_older_link_leads_to_the_newest_pledge():
    first = make.signed()
    make.year(2028)
    second = renewed(first, make.promised("tours", 8))
    make.year(2029)
    third = renewed(first, make.promised("tours", 9))
    for pledge in (first, second, third):
        assert page_state.find(pledge.token).pledge == third
    pledge_editing.sign(first.token, **make.page(first.token, make.promised("tours", 10)), name="Alma Reyes")
    assert [look.amounts(pledge)["tours"] for pledge in (first, second, third)] == [6, 8, 10]


def test_two_who_renew_at_different_times_meet():
    pledge = make.signed()
    make.year(2028)
    page = make.page(pledge.token, make.promised("tours", 9))
    renewed(pledge, make.promised("tours", 7))
    with pytest.raises(Changed):
        pledge_editing.sign(pledge.token, **page, name="Chue Vang")
    assert look.amounts(Pledge.objects.get(year=2028)) == {"tours": 7}


def test_closed_year_without_a_newer_one_shows_what_was_signed():
    pledge = make.signed()
    make.closed()
    PledgeYear.objects.create(school_year=2028, opens_on=timezone.localdate() + timedelta(days=1))
    sheet = page_state.find(pledge.token)
    assert (sheet.pledge, sheet.is_open, sheet.promises) == (pledge, False, [make.promised("tours", 6)])


def test_begin_with_last_years_address_mails_the_link_that_renews():
    pledge = make.signed()
    make.closed()
    make.year(2028)
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    start = make.unsaved_start()
    pledge_signup.begin(start)
    pledge_signup.answer(start.pk)
    message = Message.objects.order_by("-created_at")[0]
    assert message.subject == "The link to your promises for 2028–29"
    assert pledge.token in message.body_text


# The link --------------------------------------------------------------------------------------------------------


def test_replaced_link_opens_and_the_old_ones_open_nothing():
    first = make.signed()
    make.year(2028)
    second = renewed(first)
    replaced = pledge_links.replace_link(first)
    for old in (first.token, second.token):
        with pytest.raises(Missing):
            page_state.find(old)
    assert page_state.find(replaced.token).pledge == second
    message = Message.objects.order_by("-created_at")[0]
    assert Pledge.objects.get(pk=second.pk).token in message.body_text
    assert look.changes(first)[-1] == {"link": ["", "replaced"]}
    pledge_links.replace_link(first)
    assert look.letters()[-2:] == ["new_link 1 alma@example.org", "new_link 2 alma@example.org"]


# The year --------------------------------------------------------------------------------------------------------


def test_year_is_closed_and_reopened_once_each_and_nobody_is_written_to():
    pledge, draft = make.signed(), make.draft("Other", "other@example.org")
    letters = look.letters()
    year = PledgeYear.objects.get()
    closed = [pledge_years.close_year(year).closed_at for _twice in range(2)]
    assert closed[0] == closed[1]
    assert [row[2] for row in look.pledges()] == ["closed", "closed"]
    with pytest.raises(Closed):
        renewed(pledge, make.promised("tours", 9))
    for _twice in range(2):
        pledge_years.reopen_year(year)
    renewed(pledge, make.promised("tours", 9))
    assert [row[2] for row in look.pledges()] == ["signed", "draft"]
    assert look.letters() == [*letters, "signed 2 alma@example.org"]
    assert look.changes(PledgeYear(pk=2027)) == [{"closed_at": [False, True]}, {"closed_at": [True, False]}]
    assert look.amounts(draft) == {"tours": 6}


# Reminders -------------------------------------------------------------------------------------------------------


def reminders() -> list[str]:
    return [letter for letter in look.letters() if letter.startswith("reminder")]


def test_unsigned_draft_is_reminded_once():
    pledge = make.draft()
    make.days_later(pledge, 4)
    tasks.remind_drafts()
    assert reminders() == []
    make.days_later(pledge, 6)
    for _twice in range(2):
        tasks.remind_drafts()
    assert reminders() == ["reminder 1 alma@example.org"]
    pledge_editing.save(pledge.token, **make.page(pledge.token, make.promised("tours", 7)))
    make.days_later(pledge, 6)
    tasks.remind_drafts()
    assert not pledge_years.remind(pledge)
    assert reminders() == ["reminder 1 alma@example.org"]


def test_draft_whose_contact_was_erased_is_its_main_contacts_to_sign():
    pledge = make.draft("Erased", "erased@example.org")
    main = make.contact(pledge.organization, "main@example.org", "Ben Ochoa")
    Contact.objects.filter(email="erased@example.org").delete()
    Contact.objects.filter(pk=main.pk).update(is_primary=True)
    make.days_later(pledge, 6)
    tasks.remind_drafts()
    assert reminders() == ["reminder 1 main@example.org"]


def test_who_signed_or_may_not_sign_or_wants_no_reminder_gets_none():
    signed = make.signed("Signed", "signed@example.org")
    unwilling = make.draft("Unwilling", "unwilling@example.org")
    erased = make.draft("Erased", "erased@example.org")
    last_years = make.draft("Last year", "last@example.org")
    preferences.choose(preferences.of("unwilling@example.org"), reminders=False)
    Contact.objects.filter(email="erased@example.org").delete()
    old = PledgeYear.objects.create(school_year=2026, opens_on=timezone.localdate() - timedelta(days=300))
    Pledge.objects.filter(pk=last_years.pk).update(year=old)
    for pledge in (signed, unwilling, erased, last_years):
        make.days_later(pledge, 6)
    for _twice in range(2):
        tasks.remind_drafts()
    make.closed()
    make.closed(old)
    for pledge in (unwilling, erased):
        Pledge.objects.filter(pk=pledge.pk).update(reminded_at=None)
    tasks.remind_drafts()
    assert reminders() == []
