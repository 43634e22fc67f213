"""Addresses of email preferences."""

from django.urls import path

from imagine.mail import views

urlpatterns = [
    path("mail/<token:token>/", views.email_preferences, name="mail_choices"),
    path("mail/<token:token>/<slug:mail>/", views.unsubscribe, name="unsubscribe"),
]
