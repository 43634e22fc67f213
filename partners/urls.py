"""Addresses of promises and partners; their pages are still to come."""

from django.urls import path

from imagine.views import nowhere

urlpatterns = [
    path("promise/", nowhere, name="pledge_begin"),
    path("promise/sent/", nowhere, name="pledge_sent"),
    path("promise/<str:token>/", nowhere, name="pledge"),
    path("promise/<str:token>/thanks/", nowhere, name="pledge_thanks"),
    path("promise/<str:token>/certificate.pdf", nowhere, name="pledge_certificate"),
    path("partners/", nowhere, name="partners"),
    path("partners/<slug:slug>/", nowhere, name="partner"),
    path("partners/<slug:slug>/logo.png", nowhere, name="partner_logo"),
]
