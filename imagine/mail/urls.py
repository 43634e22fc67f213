from django.urls import path

from imagine.mail import views

urlpatterns = [
    path("mail/<token:token>/", views.email_preferences, name="email_preferences"),
    path("mail/<token:token>/<slug:topic>/", views.unsubscribe, name="unsubscribe"),
]
