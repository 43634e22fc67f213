"""Dates and times as people type them."""

from datetime import date, datetime, time

import pytest
from django import forms
from django.contrib import admin
from django.core.exceptions import FieldError, ValidationError
from django.utils import translation
from django.utils.timezone import get_default_timezone

from imagine.core.admin.date_fields import DateAndTimeField, DateField, DateInput, TimeField, TimeInput
from partners.models import Import

DISTRICT = get_default_timezone()
APRIL_1 = [
    *("Thu, Apr 1, 2027", "Apr 1, 2027", "apr. 1 2027", "April 1, 2027", "Thursday, April 1st, 2027", "1 April 2027"),
    *("4/1/2027", "04/01/2027", "4/1/27", "4-1-2027", "2027-04-01", "Thu 4/1/2027", " Apr  1,2027 "),
    *("jue, 1 de abr de 2027", "1 de abril de 2027", "jueves 1 de abril del 2027", "1 abr. 2027", "abril 1, 2027"),
]
EIGHT = ["8:00 a.m.", "8:00 a.m.", "8:00 a. m.", "8:00am", "8am", "8 AM", "8:00", "08:00", "08:00:00"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_dates_are_read_as_people_write_them(language):
    with translation.override(language):
        assert {typed: DateField().clean(typed) for typed in APRIL_1} == dict.fromkeys(APRIL_1, date(2027, 4, 1))
        for typed in ("mar, 2 de mar de 2027", "mar 2 2027", "Sept. 2, 2027", "2 de sept de 2027"):
            assert DateField().clean(typed).day == 2
        assert DateField().clean("mar, 6 de abr de 2027") == date(2027, 4, 6)  # Tuesday, not March
        assert DateField().clean("mar 2, 2027") == date(2027, 3, 2)


def test_times_are_read_as_people_write_them():
    assert {typed: TimeField().clean(typed) for typed in EIGHT} == dict.fromkeys(EIGHT, time(8))
    typed = ["2:30 p.m.", "2:30pm", "14:30", "2:30 p. m."]
    assert {each: TimeField().clean(each) for each in typed} == dict.fromkeys(typed, time(14, 30))
    assert TimeField().clean("20:23:45") == time(20, 23)
    assert TimeField().clean("12:15am") == time(0, 15)


@pytest.mark.parametrize("typed", ["Apr 1", "13/1/2027", "Feb 30, 2027", "soon", "1", "de", "Thu", "2027", "4.1.2027"])
def test_unreadable_dates_are_refused_with_an_example(typed):
    with pytest.raises(ValidationError, match=r"Enter a date, like Apr 1, 2027\."):
        DateField().clean(typed)


@pytest.mark.parametrize("typed", ["8", "25:00", "13:00 pm", "8:61", "8:00-10:30", "morning", "8.30 am"])
def test_unreadable_times_are_refused_with_an_example(typed):
    with pytest.raises(ValidationError, match=r"Enter a time, like 8:00 a\.m\."):
        TimeField().clean(typed)


@pytest.mark.parametrize(
    ("language", "day", "eight"),
    [("en", "Thu, Apr 1, 2027", "8:00 a.m."), ("es", "jue, 1 de abr de 2027", "8:00 a. m.")],
)
def test_fields_show_what_they_read(language, day, eight):
    with translation.override(language):
        assert DateInput().format_value(date(2027, 4, 1)) == day
        assert TimeInput().format_value(time(8)).replace("\N{NO-BREAK SPACE}", " ") == eight
        form = PartyForm({"starts_0": day, "starts_1": eight}, initial={"starts": moment(8)})
        assert form.is_valid()
        assert form.cleaned_data["starts"] == moment(8)
        assert not form.has_changed()


class PartyForm(forms.Form):
    starts = DateAndTimeField(label="Starts")


def moment(*clock: int) -> datetime:
    return datetime(2027, 4, 1, *clock, tzinfo=DISTRICT)


def test_seconds_are_neither_shown_nor_a_change():
    form = PartyForm({"starts_0": "4/1/2027", "starts_1": "8:23 p.m."}, initial={"starts": moment(20, 23, 45)})
    html = str(PartyForm(initial={"starts": moment(20, 23, 45)}))
    assert "8:23\N{NO-BREAK SPACE}p.m." in html
    assert ":45" not in html
    assert not form.has_changed()


def test_date_and_time_each_have_a_label():
    html = str(PartyForm(initial={"starts": moment(8)}))
    for number, label in enumerate(["Starts, date", "Starts, time"]):
        assert f'<label for="id_starts_{number}">' in html
        assert f'aria-label="{label}"' in html


def test_half_a_date_and_time_is_incomplete():
    form = PartyForm({"starts_0": "4/1/2027", "starts_1": ""})
    assert form.errors == {"starts": ["Enter a date and a time."]}


def form_fields_of(page, request) -> dict[str, forms.Field]:
    if not page.has_add_permission(request) or page.model is Import:  # an import has a page of its own
        return {}
    try:
        return page.get_form(request).base_fields
    except FieldError:  # a page that only shows
        return {}


@pytest.mark.django_db
def test_every_form_of_the_admin_reads_dates_this_way(rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    fields = {
        (model._meta.label, name): field
        for model, page in admin.site._registry.items()
        for name, field in form_fields_of(page, request).items()
        if isinstance(field, forms.DateField | forms.DateTimeField | forms.SplitDateTimeField | forms.TimeField)
    }
    assert set(fields) == {
        *(("summit.Event", name) for name in ("starts_at", "ends_at", "rsvp_opens_at", "rsvp_closes_at")),
        *(("partners.PledgeYear", name) for name in ("opens_on", "announced_deadline")),
        ("privacy.Hold", "ends_on"),
    }
    assert all(isinstance(field, DateField | DateAndTimeField) for field in fields.values())
