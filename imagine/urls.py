"""Every URL is under /imagine/, so that one proxy rule serves them all."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView
from django.views.i18n import set_language

from imagine.core import views as core_views
from imagine.core.converters import TokenConverter
from imagine.mail import health_views
from imagine.privacy import views as privacy_views
from summit.views import public as public_views

admin.site.enable_nav_sidebar = False  # the start page leads everywhere, and lists need the room
admin.site.index_title = _("Where things stand")
admin.site.site_url = "/imagine/"

register_converter(TokenConverter, "token")

under_imagine = [
    path("", include("partners.urls")),
    path("", public_views.landing, name="landing"),  # the home page
    path("", include("summit.urls")),
    path("", include("imagine.mail.urls")),
    path("language/", set_language, name="language"),
    path("privacy/", privacy_views.privacy, name="privacy"),
    path("accessibility/", core_views.accessibility, name="accessibility"),
    path("health/live/", core_views.liveness, name="live"),
    path("health/ready/", health_views.ready, name="ready"),
    # Django's "view on site" would take any staff member to a guest's personal link.
    path("admin/r/<path:where>", core_views.disabled_page),
    path("admin/", include("imagine.accounts.urls")),
    path("admin/", admin.site.urls),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="landing")),
    path("imagine/", include(under_imagine)),
]

handler400 = "imagine.core.views.bad_request"
handler403 = "imagine.core.views.forbidden"
handler404 = "imagine.core.views.not_found"
handler500 = "imagine.core.views.server_error"
