"""The demo's story as of several days of the year: each part is there, and nothing contradicts anything else."""

from datetime import datetime

import pytest
from django.apps import apps
from django.db.models import Count, DateTimeField, Max, Q, Sum
from django.test import Client
from django.urls import reverse

from imagine.demo.data import office, story
from imagine.demo.data.clock import as_of
from imagine.demo.data.dates import StoryDates, at
from imagine.demo.data.organizations import BY_HAND, GRADES, TYPOS
from imagine.mail.bulk.progress import mailing_progress
from imagine.mail.models import EmailPreference, Mailing, Message
from partners.models import (
    Contact,
    DuplicateCandidate,
    Import,
    ImportRow,
    Logo,
    Organization,
    Pledge,
    PledgeYear,
    Promise,
    School,
    Sector,
    Signature,
)
from partners.pledges import page_state
from partners.pledges.promises import Checklist, find_problems, promises_of_pledge
from summit import seats
from summit.models import Audience, Event, Guest, Invitation, Rsvp
from summit.reminders import sending
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DAYS = ["2025-11-30", "2026-01-05", "2026-04-02", "2026-04-03", "2026-07-15", "2026-09-20"]
MAY_BE_LATER = {  # than now
    *("summit.Event.starts_at", "summit.Event.ends_at", "summit.Event.rsvp_opens_at", "summit.Event.rsvp_closes_at"),
    *("mail.Message.retry_until", "mail.Message.expires_at"),
}


@pytest.mark.parametrize("day", DAYS)
def test_story_holds_on_any_day(day):
    dates = StoryDates(at(datetime.fromisoformat(day).date(), 13))
    story.tell_story(dates)
    with as_of(dates.now):
        check_past_summit(dates)
        check_gatherings(dates)
        check_coming_summit(dates)
        check_pledge_years(dates)
        check_promises()
        check_mailing_under_way(dates)
        check_what_waits_for_the_office()
        check_order_of_events(dates)
        check_pages()


def test_database_is_filled_only_once():
    factories.event()
    assert not story.fill_database()
    assert not Organization.objects.exists()


def check_past_summit(dates: StoryDates) -> None:
    event = Event.objects.get(slug=f"summit-{dates.past_summit.year}")
    assert (event.is_over, event.canceled_at, event.school_year) == (True, None, dates.this_year)
    parties = event.rsvps.filter(held_seats__gt=0).annotate(
        came=Count("guests", filter=Q(guests__checked_in_at__isnull=False))
    )
    held, came = parties.aggregate(n=Sum("held_seats"))["n"], sum(party.came for party in parties)
    assert 0.8 <= came / held <= 0.9
    assert parties.filter(came=0).count() >= 3
    assert event.rsvps.filter(canceled_at__isnull=False).count() == 5
    plan = {reminder.template: reminder for reminder in sending.reminder_plan(event)}
    for template in ("reminder_week", "reminder_day"):
        assert plan[template].state == "sent", template
    if dates.now > plan["thanks"].due:
        assert plan["thanks"].state == "sent"
        assert plan["thanks"].count >= parties.exclude(came=0).count() * 0.95  # a few have unsubscribed


def check_gatherings(dates: StoryDates) -> None:
    """The kickoff and the fall gathering were held, if their day has come. A tour was canceled."""
    partners = set(Pledge.objects.signed().filter(year=dates.this_year).values_list("organization", flat=True))
    for day, slug in (
        (dates.kickoff, f"kickoff-{dates.this_year}"),
        (dates.fall_gathering, f"gathering-{dates.this_year}-10"),
    ):
        event = Event.objects.get(slug=slug)
        assert (event.is_over, event.invitation_only, event.school_year) == (day < dates.today, True, dates.this_year)
        arrived = Guest.objects.filter(rsvp__event=event, checked_in_at__isnull=False)
        assert arrived.exists() == event.is_over
        if event.is_over:
            assert event.invitations.accepted().count() >= 10
            assert event.invitations.declined().exists()
            assert event.reminders.get(kind="thanks").recipient_count >= 5
        assert set(event.invitations.values_list("contact__organization", flat=True)) <= partners
        assert seats.available_seats(event) >= 0
    tour = Event.objects.get(canceled_at__isnull=False)
    assert tour.canceled_at < tour.starts_at < dates.now
    assert tour.rsvps.active().count() == 5
    assert Message.objects.filter(kind="event_canceled", state="sent").count() == 5


def check_coming_summit(dates: StoryDates) -> None:
    event = Event.objects.coming_summit()
    assert event.slug == f"summit-{dates.coming_summit.year}"
    assert event.accepts_rsvps
    assert seats.available_seats(event) == 3
    assert sorted(event.rsvps.waitlist().values_list("waitlisted_seats", flat=True)) == [4, 5, 6]
    assert event.rsvps.waitlist().filter(skipped_at__isnull=False).exists()
    promoted = Message.objects.filter(kind="rsvp_promoted", object_id__in=event.rsvps.values("pk"))
    assert promoted.count() == 2
    assert event.rsvps.filter(canceled_at__isnull=False).count() == 2
    assert not event.rsvps.filter(organization__name__in=TYPOS).exists()
    assert any(not name.isascii() and not any(letter < "Ͱ" for letter in name if letter.isalpha()) for name in names())


def names() -> list[str]:
    return list(Rsvp.objects.values_list("name", flat=True))


def check_pledge_years(dates: StoryDates) -> None:
    last, this = PledgeYear.objects.order_by("school_year")
    assert (last.school_year, last.closed_at is not None) == (dates.last_year, True)
    assert (PledgeYear.objects.current(), this.opens_on) == (this, dates.past_summit)
    assert this.announced_deadline > dates.today
    assert last.pledges.signed().count() > 45
    assert last.pledges.filter(signed_at=None).exists()
    signed, drafts = this.pledges.signed().count(), this.pledges.drafts().count()
    assert 20 < signed < last.pledges.signed().count()
    assert drafts >= 2
    came_back = Organization.objects.filter(pledges__year=last).filter(pledges__year=this).count()
    lapsed = Organization.objects.filter(pledges__year=last).exclude(pledges__year=this).count()
    assert came_back > 15
    assert lapsed >= 10
    assert Organization.objects.filter(pledges__year=this).exclude(pledges__year=last).exists()
    for pledge in Pledge.objects.select_related("year"):
        assert pledge.created_at.date() >= pledge.year.opens_on
        assert pledge.signed_at is None or pledge.signed_at >= pledge.created_at
        assert pledge.year.closed_at is None or pledge.changed_at <= pledge.year.closed_at
    assert Signature.objects.count() == Pledge.objects.signed().count()


def check_promises() -> None:
    by_hand = {note for promised in BY_HAND.values() for *_fields, note, _schools in promised}
    assert len(by_hand) >= 25
    assert by_hand <= set(Promise.objects.values_list("note", flat=True))
    for promise in Promise.objects.select_related("promise_type").prefetch_related("schools"):
        allowed = {grade for grades in GRADES[promise.promise_type.code] for grade in grades}
        assert set(promise.grades) <= allowed, promise
        for school in promise.schools.all():
            assert set(promise.grades) <= set(school.grades), (promise, school)
    internships = Promise.objects.filter(promise_type__code="internships")
    assert all(grades == ["9-12"] for grades in internships.values_list("grades", flat=True))
    for pledge in Pledge.objects.all():
        promised = promises_of_pledge(pledge)
        assert promised
        assert find_problems(promised, Checklist.of(promised)) == []
        assert page_state.load_page_state(pledge.token).organization.pk == pledge.organization_id
    assert set(Organization.objects.values_list("sector", flat=True)) == set(Sector.values)
    assert School.objects.active().count() == 62
    assert School.objects.filter(promises__isnull=True).count() > 15


def check_mailing_under_way(dates: StoryDates) -> None:
    mailing = Mailing.objects.exclude(paused_at=None).get()
    progress = mailing_progress(mailing)
    assert (progress.state, progress.rejected) == ("paused", 1)
    assert progress.sent > progress.waiting > 5
    assert mailing.created_at < mailing.paused_at < dates.now
    assert mailing.about.starts_at > dates.now
    bounced = EmailPreference.objects.get(suppressed_at__isnull=False)
    assert bounced.email == mailing.messages.get(state=Message.State.REJECTED).recipient.lower()
    assert EmailPreference.objects.filter(wants_invitations=False).count() == 1
    assert not Message.objects.exclude(mailing=mailing).filter(
        state__in=Message.PENDING, created_at__lt=dates.now - story.JUST_NOW
    )


def check_what_waits_for_the_office() -> None:
    assert DuplicateCandidate.objects.exists()
    run = Import.objects.get()
    assert (run.state, run.row_count, run.error_count) == ("checked", 5, 3)
    assert ImportRow.objects.filter(run=run).exclude(errors=[]).count() == 3
    assert Logo.objects.count() >= 2
    assert Organization.objects.pending_approval().count() >= 3
    assert Organization.objects.listed().count() > 20
    assert Organization.objects.filter(wants_listing=False).exists()
    unmatched = set(Rsvp.objects.unmatched().values_list("organization_name", flat=True))
    assert unmatched >= {"Slough House Bakrey"}
    assert len(unmatched) < 20
    audience = Audience.objects.get(name=office.AUDIENCE)
    assert audience.uploaded_contacts.count() >= 5
    assert not audience.uploaded_contacts.filter(organization__pledges__isnull=False).exists()


def check_order_of_events(dates: StoryDates) -> None:
    """Nothing is dated later than now, and every address is a made-up one."""
    for model in apps.get_models():
        if model._meta.app_label in {"core", "mail", "partners", "summit"}:
            for field in model._meta.concrete_fields:
                if isinstance(field, DateTimeField) and f"{model._meta.label}.{field.name}" not in MAY_BE_LATER:
                    latest = model._base_manager.aggregate(latest=Max(field.name))["latest"]
                    assert latest is None or latest <= dates.now, f"{model._meta.label}.{field.name}"
    for model, field in ((Rsvp, "email"), (Contact, "email"), (Message, "recipient")):
        assert not model.objects.exclude(**{f"{field}__endswith": "@example.org"}).exists()
    for rsvp in Rsvp.objects.select_related("event"):
        assert rsvp.created_at >= rsvp.event.rsvp_opens_at
        assert rsvp.verified_at is None or rsvp.verified_at >= rsvp.created_at
    for invitation in Invitation.objects.select_related("rsvp", "mailing"):
        assert invitation.created_at >= invitation.mailing.created_at
        assert invitation.rsvp is None or invitation.rsvp.created_at >= invitation.created_at
        assert invitation.declined_at is None or invitation.declined_at >= invitation.created_at
    for organization in Organization.objects.all():
        organization.full_clean()
    for event in Event.objects.all():
        assert event.rsvp_opens_at.second == event.rsvp_opens_at.minute == 0


def check_pages() -> None:
    """The pages show what the story says."""
    client = Client()
    landing = client.get(reverse("landing")).content.decode()
    assert "277 of 280 seats are taken" in landing
    partners = client.get(reverse("partners")).content.decode()
    assert "Slough House Bakery" in partners
    assert "6 visits" in client.get(reverse("partner", args=["port-gate-logistics"])).content.decode()
    for event in Event.objects.published():
        assert client.get(event.get_absolute_url()).status_code == 200
