"""Addresses of promises and partners."""

from django.urls import path

from partners import certificate_views, link_views, views, wall_views

urlpatterns = [
    path("promise/", views.pledge_begin, name="pledge_begin"),
    path("promise/sent/", views.pledge_sent, name="pledge_sent"),
    path("promise/<token:token>/", link_views.pledge, name="pledge"),
    path("promise/<token:token>/thanks/", link_views.pledge_thanks, name="pledge_thanks"),
    path("promise/<token:token>/logo.png", link_views.pledge_logo, name="pledge_logo"),
    path("promise/<token:token>/certificate.pdf", certificate_views.certificate, name="pledge_certificate"),
    path("partners/", wall_views.partners, name="partners"),
    path("partners/<slug:slug>/", wall_views.partner, name="partner"),
    path("partners/<slug:slug>/logo.png", wall_views.partner_logo, name="partner_logo"),
]
