"""The public pages and the private links of the summit."""

from django.urls import path

from summit import event_list_views, invitation_views, link_views, mail_views, views, year_views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("events/", event_list_views.events, name="events"),
    path("events/calendar.ics", event_list_views.events_feed, name="events_feed"),
    path("events/<slug:slug>/", views.event, name="event"),
    path("events/<slug:slug>/calendar.ics", views.event_calendar, name="event_calendar"),
    path("rsvp/find/", views.find_rsvp, name="find_rsvp"),
    path("rsvp/found/", views.found_rsvp, name="found_rsvp"),
    path("rsvp/<token:token>/", link_views.rsvp, name="rsvp"),
    path("rsvp/<token:token>/party/", link_views.change_party, name="change_party"),
    path("rsvp/<token:token>/cancel/", link_views.cancel_rsvp, name="cancel_rsvp"),
    path("rsvp/<token:token>/return/", link_views.return_rsvp, name="return_rsvp"),
    path("rsvp/<token:token>/promise/", link_views.promise_from_rsvp, name="promise_from_rsvp"),
    path("rsvp/<token:token>/calendar.ics", link_views.rsvp_calendar, name="rsvp_calendar"),
    path("invitation/<token:token>/", invitation_views.invitation, name="invitation"),
    path("invitation/<token:token>/accept/", invitation_views.accept_invitation, name="accept_invitation"),
    path("invitation/<token:token>/decline/", invitation_views.decline_invitation, name="decline_invitation"),
    path("promise/<token:token>/year/", year_views.partner_year, name="partner_year"),
    path("promise/<token:token>/year/link/", year_views.mail_year_link, name="mail_year_link"),
    path("mail/<token:token>/", mail_views.mail_choices, name="mail_choices"),
    path("mail/<token:token>/<slug:mail>/", mail_views.unsubscribe, name="unsubscribe"),
]
