"""Addresses of promises and partners."""

from django.urls import path

from partners.views import certificate as certificate_views
from partners.views import directory as directory_views
from partners.views import pledge as pledge_views
from partners.views import signup as signup_views

urlpatterns = [
    path("promise/", signup_views.pledge_begin, name="pledge_begin"),
    path("promise/sent/", signup_views.pledge_sent, name="pledge_sent"),
    path("promise/<token:token>/", pledge_views.pledge, name="pledge"),
    path("promise/<token:token>/thanks/", pledge_views.pledge_thanks, name="pledge_thanks"),
    path("promise/<token:token>/logo.png", pledge_views.pledge_logo, name="pledge_logo"),
    path("promise/<token:token>/certificate.pdf", certificate_views.certificate, name="pledge_certificate"),
    path("partners/", directory_views.partners, name="partners"),
    path("partners/<slug:slug>/", directory_views.partner, name="partner"),
    path("partners/<slug:slug>/logo.png", directory_views.partner_logo, name="partner_logo"),
]
