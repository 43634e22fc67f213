"""Every address stands under /imagine/, so that one proxy rule serves them all."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from django.views.i18n import set_language

from imagine import views
from imagine.converters import TokenConverter
from imagine.limits import limited

admin.site.enable_nav_sidebar = False  # the start page leads everywhere, and lists need the room
admin.site.index_title = _("Where things stand")

register_converter(TokenConverter, "token")

under_imagine = [
    path("", include("partners.urls")),
    path("", include("summit.urls")),
    path("language/", set_language, name="language"),
    path("privacy/", views.privacy, name="privacy"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("health/live/", views.live, name="live"),
    path("health/ready/", views.ready, name="ready"),
    # Django's "view on site" would lead any member of staff to a guest's private link.
    path("admin/r/<path:where>", views.nowhere),
    path("admin/login/", limited("login", most=30, minutes=10)(admin.site.login)),
    path("admin/", admin.site.urls),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="landing")),
    path("imagine/", include(under_imagine)),
]

handler400 = "imagine.views.bad_request"
handler403 = "imagine.views.forbidden"
handler404 = "imagine.views.not_found"
handler500 = "imagine.views.server_error"
