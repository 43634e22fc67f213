"""The product without its limits, activity log and headers, to measure what they cost."""

from benchmarks.settings import *  # noqa: F403 (these are its settings)
from benchmarks.settings import MIDDLEWARE as GUARDED

GUARDS = {
    "imagine.core.headers.add_security_headers",
    "imagine.core.headers.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "imagine.core.headers.refuse_cross_site_posts",
    "imagine.core.admin_host.keep_admin_on_its_host",
    "imagine.core.admin_requests.AdminRequestsMiddleware",
    "imagine.core.security_events.remember_request",
}
MIDDLEWARE = [name for name in GUARDED if name not in GUARDS] + ["benchmarks.unguarded.lift_limits"]


def lift_limits(get_response):
    from imagine.core import rate_limit  # needs the settings

    rate_limit.wait_for_visitor = lambda *_args, **_limits: 0
    return get_response
