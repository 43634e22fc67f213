"""Date and time fields that show and read dates the way people write them, such as "Thu, Apr 1, 2027" and "8:00 a.m."

Django's own fields parse them. Its formats know only English months, so the words are first translated to those.
"""

import re
from datetime import date, datetime, time
from functools import cache

from django import forms
from django.conf import settings
from django.db import models
from django.utils import dates, formats, translation
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext_lazy as _

from imagine.core.formatting import clock, to_the_minute

# What strptime reads after `plain_date` and `plain_time`. The month comes first, as in the United States, in both
# languages.
DATE_INPUT_FORMATS = ["%b %d %Y", "%d %b %Y", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%Y-%m-%d"]
TIME_INPUT_FORMATS = ["%I:%M%p", "%I%p", "%H:%M", "%H:%M:%S"]
ENGLISH_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
FILLERS = {"de", "del", "of"}
ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b")
WRONG_DATE = _("Enter a date, like Apr 1, 2027.")
WRONG_TIME = _("Enter a time, like 8:00 a.m.")


@cache
def month_names() -> dict[str, str]:
    """Return the months' names and abbreviations in our languages, lowercase, with the abbreviation that strptime
    knows."""
    names = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for spellings in (dates.MONTHS, dates.MONTHS_3, dates.MONTHS_AP):
                names |= {bare(spellings[number]): ENGLISH_MONTHS[number - 1] for number in spellings}
    return names


@cache
def weekday_names() -> set[str]:
    """Return the days' names and abbreviations in our languages, lowercase."""
    names = set()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            names |= {bare(name) for spellings in (dates.WEEKDAYS, dates.WEEKDAYS_ABBR) for name in spellings.values()}
    return names


def bare(word) -> str:
    return str(word).casefold().rstrip(".")


def plain_date(text: str) -> str:
    """Return a date in English, without weekday and punctuation: "jue, 1 de abr. de 2027" becomes "1 apr 2027"."""
    words = ORDINAL.sub(r"\1", re.sub(r"[.,]", " ", text.casefold())).split()
    words = [word for word in words if word not in FILLERS]
    months = month_names()
    # In Spanish, "mar" is both Tuesday and March.
    if words and words[0] in weekday_names() and (words[0] not in months or any(word in months for word in words[1:])):
        del words[0]
    return " ".join(months.get(word, word) for word in words) or text


def plain_time(text: str) -> str:
    """Return a time without spaces and periods: "8:00 a. m." becomes "8:00am"."""
    return re.sub(r"[\s.]", "", text.casefold())


class DateInput(forms.DateInput):
    """A text input with a date in words. With JavaScript, a button beside it opens the browser's own calendar."""

    class Media:
        js = ("js/dates.js",)

    def __init__(self, attrs=None):
        super().__init__({"class": "date-input", "size": 18, "autocomplete": "off", **(attrs or {})})

    def format_value(self, value):
        return formats.date_format(value, "DATE_FORMAT") if isinstance(value, date) else value

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        day = value.isoformat() if isinstance(value, date) else ""
        context["widget"]["attrs"] |= {"data-day": day, "data-calendar": _("Calendar")}
        return context


class TimeInput(forms.TimeInput):
    def __init__(self, attrs=None):
        super().__init__({"class": "time-input", "size": 10, "autocomplete": "off", **(attrs or {})})

    def format_value(self, value):
        if not isinstance(value, time):
            return value
        moment = datetime.combine(date(2000, 1, 1), value, tzinfo=get_default_timezone())
        return clock(moment)


class DateField(forms.DateField):
    widget = DateInput
    input_formats = DATE_INPUT_FORMATS
    default_error_messages = {"invalid": WRONG_DATE}

    def to_python(self, value):
        return super().to_python(plain_date(value) if isinstance(value, str) else value)


class TimeField(forms.TimeField):
    widget = TimeInput
    input_formats = TIME_INPUT_FORMATS
    default_error_messages = {"invalid": WRONG_TIME}

    def to_python(self, value):
        moment = super().to_python(plain_time(value) if isinstance(value, str) else value)
        return moment and to_the_minute(moment)


class DateAndTimeInput(forms.SplitDateTimeWidget):
    """Two inputs, each with its own label: a date and a time."""

    template_name = "admin/core/widgets/date_and_time.html"

    def __init__(self, attrs=None, *, label=""):
        self.label = label
        forms.MultiWidget.__init__(self, (DateInput(), TimeInput()), attrs)

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        names = (_("%(field)s, date"), _("%(field)s, time"))
        for each, name in zip(context["widget"]["subwidgets"], names, strict=True):
            each["attrs"]["aria-label"] = name % {"field": self.label}
        return context


class DateAndTimeField(forms.SplitDateTimeField):
    widget = DateAndTimeInput
    default_error_messages = {
        "required": _("Enter a date and a time."),
        "invalid_date": WRONG_DATE,
        "invalid_time": WRONG_TIME,
    }

    def __init__(self, *, label=None, input_date_formats=None, input_time_formats=None, **kwargs):
        forms.MultiValueField.__init__(self, (DateField(), TimeField()), label=label, **kwargs)
        self.widget.label = label or ""


# An admin's `formfield_overrides`.
DATE_FIELDS = {
    models.DateField: {"form_class": DateField, "widget": DateInput},
    models.DateTimeField: {"form_class": DateAndTimeField, "widget": DateAndTimeInput},
}
