"""Addresses of promises and partners; their pages are still to come."""

from django.urls import path

from imagine.views import nowhere
from partners import certificate_views, wall_views

urlpatterns = [
    path("promise/", nowhere, name="pledge_begin"),
    path("promise/sent/", nowhere, name="pledge_sent"),
    path("promise/<str:token>/", nowhere, name="pledge"),
    path("promise/<str:token>/thanks/", nowhere, name="pledge_thanks"),
    path("promise/<token:token>/certificate.pdf", certificate_views.certificate, name="pledge_certificate"),
    path("partners/", wall_views.partners, name="partners"),
    path("partners/<slug:slug>/", wall_views.partner, name="partner"),
    path("partners/<slug:slug>/logo.png", wall_views.partner_logo, name="partner_logo"),
]
