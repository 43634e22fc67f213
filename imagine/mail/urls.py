from django.urls import path

from imagine.mail import views
from imagine.mail.reports import webhook

urlpatterns = [
    path("mail/reports/", webhook.delivery_report, name="delivery_report"),
    path("mail/<token:token>/", views.email_preferences, name="email_preferences"),
    path("mail/<token:token>/<slug:topic>/", views.unsubscribe, name="unsubscribe"),
]
