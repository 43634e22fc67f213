"""To the district's sign-in and back."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from imagine.accounts.views.sign_in import first_step_done
from imagine.core.rate_limit import limit_posts
from imagine.core.security_events import Kind, record_event


@require_POST
@limit_posts("single_sign_on", most=300, minutes=10)
def start(request: HttpRequest) -> HttpResponse:
    if not settings.OIDC_ISSUER:
        raise Http404
    from imagine.accounts import single_sign_on

    try:
        return HttpResponseRedirect(single_sign_on.start(request.session, next_url=request.POST.get("next", "")))
    except single_sign_on.Refused:
        return refused(request, _("The district’s sign-in can’t be reached right now. Try again in a few minutes."))


@never_cache
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """The district sends the browser here. It changes a session and, if the person's groups changed, their roles."""
    if not settings.OIDC_ISSUER:
        raise Http404
    from imagine.accounts import single_sign_on

    try:
        user, wanted = single_sign_on.finish(request.session, request.GET.dict())
    except single_sign_on.Refused:
        record_event(Kind.SIGN_IN_FAILED, request=request, single_sign_on=True)
        return refused(request, _("The district’s sign-in didn’t work, or your account has no role here."))
    return first_step_done(request, user, wanted=wanted)


def refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect("sign_in")
