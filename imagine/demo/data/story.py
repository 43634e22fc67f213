"""The demo's story as of today: last spring's summit, the partners that came of it, their year, and the next summit.

Everything is done by the product's own rules, at the time when it would have happened (clock.py).
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from imagine.demo.data import gatherings, office, promises, summits
from imagine.demo.data.clock import as_of, deliver_queued
from imagine.demo.data.dates import StoryDates, at
from imagine.demo.data.names import People
from imagine.demo.data.promises import Promises
from summit.models import Event

SEED = 2019
NEW_NAMES = 6  # RSVPs whose organizations staff haven't matched yet
JUST_NOW = timedelta(hours=1)  # email queued since then is sent when the demo starts


@transaction.atomic
def fill_database() -> bool:
    """Fill an empty database and return True. Leave one that has an event alone and return False."""
    if Event.objects.exists():
        return False
    tell_story(StoryDates(timezone.now()))
    return True


def tell_story(dates: StoryDates) -> None:
    people = People(SEED)
    with as_of(at(dates.previous_summit - timedelta(days=30), 9)):
        promises.load_real_schools()
    pledges = Promises(people, dates)
    pledges.fill_last_year()
    past_summit = summits.fill_past_summit(people, dates)
    pledges.fill_this_year()
    summits.match_typed_names(past_summit.rsvps.all(), matching_time(dates))
    promises.remind_about_drafts(dates)
    gatherings.fill_kickoff(people, dates)
    gatherings.fill_fall_gathering(people, dates)
    gatherings.fill_canceled_tour(people, dates)
    coming_summit = summits.fill_coming_summit(people, dates)
    summits.match_typed_names(past_summit.rsvps.all(), dates.now - JUST_NOW)
    summits.match_typed_names(coming_summit.rsvps.all(), dates.now - JUST_NOW, not_yet=NEW_NAMES)
    gatherings.fill_breakfast(people, dates)
    office.approve_profiles(people, dates)
    office.create_audience(dates)
    office.upload_spreadsheet(dates)
    office.find_duplicates(dates)
    deliver_queued(dates.now - JUST_NOW)
    office.delete_old_data()
    update_statistics()


def matching_time(dates: StoryDates) -> datetime:
    """The office matches organizations on the Monday after the summit."""
    return min(at(dates.past_summit + timedelta(days=4), 10), dates.now - JUST_NOW)


def update_statistics() -> None:
    """Let PostgreSQL plan for full tables; its own statistics would be of empty ones for another minute. No model."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
