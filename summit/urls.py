from django.urls import path

from summit.views import calendar as calendar_views
from summit.views import date_alerts as date_alert_views
from summit.views import invitation as invitation_views
from summit.views import partner_year as partner_year_views
from summit.views import public as public_views
from summit.views import rsvp as rsvp_views

urlpatterns = [
    path("events/", calendar_views.events, name="events"),
    path("events/calendar.ics", calendar_views.events_feed, name="events_feed"),
    path("events/<slug:slug>/", public_views.event, name="event"),
    path("events/<slug:slug>/calendar.ics", public_views.event_calendar, name="event_calendar"),
    path("date/", date_alert_views.begin_date_alert, name="begin_date_alert"),
    path("date/sent/", date_alert_views.date_alert_sent, name="date_alert_sent"),
    path("date/<token:token>/", date_alert_views.date_alert, name="date_alert"),
    path("date/<token:token>/stop/", date_alert_views.stop_date_alert, name="stop_date_alert"),
    path("rsvp/find/", public_views.find_rsvp, name="find_rsvp"),
    path("rsvp/found/", public_views.found_rsvp, name="found_rsvp"),
    path("rsvp/<token:token>/", rsvp_views.rsvp, name="rsvp"),
    path("rsvp/<token:token>/party/", rsvp_views.change_party, name="change_party"),
    path("rsvp/<token:token>/remove/<int:guest>/", rsvp_views.ask_to_remove_guest, name="remove_guest"),
    path("rsvp/<token:token>/cancel/", rsvp_views.cancel_rsvp, name="cancel_rsvp"),
    path("rsvp/<token:token>/return/", rsvp_views.reinstate_rsvp, name="reinstate_rsvp"),
    path("rsvp/<token:token>/promise/", rsvp_views.promise_from_rsvp, name="promise_from_rsvp"),
    path("rsvp/<token:token>/calendar.ics", rsvp_views.rsvp_calendar, name="rsvp_calendar"),
    path("invitation/<token:token>/", invitation_views.invitation, name="invitation"),
    path("invitation/<token:token>/accept/", invitation_views.invitation_accept, name="accept_invitation"),
    path("invitation/<token:token>/decline/", invitation_views.invitation_decline, name="decline_invitation"),
    path("promise/<token:token>/year/", partner_year_views.partner_year, name="partner_year"),
    path("promise/<token:token>/year/link/", partner_year_views.mail_year_link, name="mail_year_link"),
]
