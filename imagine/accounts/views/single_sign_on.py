"""The way to the district's sign-in and back."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from imagine.accounts.views.sign_in import first_step_done
from imagine.core.models import SecurityEventKind
from imagine.core.rate_limit import too_many_requests, wait_for_visitor
from imagine.core.security_events import record_failure


@never_cache
@require_safe
def single_sign_on_page(request: HttpRequest) -> HttpResponse:
    """Send the browser to the district. A link leads here, because browsers apply form-action to redirects, too."""
    if not settings.OIDC_ISSUER:
        raise Http404
    if seconds := wait_for_visitor(request, "single_sign_on", most=300, minutes=10):
        return too_many_requests(request, seconds)
    from imagine.accounts import single_sign_on

    try:
        next_url, shared_computer = request.GET.get("next", ""), "shared" in request.GET
        return HttpResponseRedirect(
            single_sign_on.start_single_sign_on(request.session, next_url=next_url, shared_computer=shared_computer)
        )
    except single_sign_on.SignInRejected:
        return refused(request, _("We can’t reach the district’s sign-in right now. Try again in a few minutes."))


@never_cache
@require_safe
def single_sign_on_callback(request: HttpRequest) -> HttpResponse:
    """The district sends the browser here. It changes a session and, if the person's groups changed, their roles."""
    if not settings.OIDC_ISSUER:
        raise Http404
    from imagine.accounts import single_sign_on

    is_ours = single_sign_on.STATE in request.session
    try:
        user, wanted, shared_computer = single_sign_on.finish_single_sign_on(request.session, request.GET.dict())
    except single_sign_on.SignInRejected:
        if is_ours:  # anyone can open this page, but only a browser that we sent to the district comes back
            record_failure(SecurityEventKind.SIGN_IN_FAILED, request=request, single_sign_on=True)
        return refused(
            request,
            _(
                "We couldn’t sign you in with your district account. Try again. If that doesn’t work, ask IT whether "
                "you have a role here."
            ),
        )
    return first_step_done(request, user, shared_computer=shared_computer, wanted=wanted)


def refused(request: HttpRequest, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect("sign_in")
