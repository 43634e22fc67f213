"""Template filters for dates, hours and a party's seats."""

from django import template

from imagine.core.formatting import at_time, clock, date_at_time, day, long_date, short_date
from summit import formatting
from summit.calendar import web_links

register = template.Library()
for text_filter in (
    long_date,
    short_date,
    day,
    formatting.weekday,
    clock,
    at_time,
    date_at_time,
    formatting.hours,
    formatting.status_label,
    formatting.seats_sentence,
    formatting.seats_sentence_with_day,
    web_links.google_calendar_link,
    web_links.outlook_calendar_link,
):
    register.filter(text_filter)
