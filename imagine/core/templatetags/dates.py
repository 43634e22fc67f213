from django import template

from imagine.core import formatting

register = template.Library()
for date_filter in (
    formatting.long_date,
    formatting.short_date,
    formatting.day,
    formatting.clock,
    formatting.at_time,
    formatting.date_at_time,
    formatting.month,
    formatting.day_number,
):
    register.filter(date_filter)
