"""The two steps of signing in, and the way back in after a forgotten password."""

from collections.abc import Callable
from typing import Literal
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from imagine.accounts import failures, second_factor, sessions, sign_in, staff
from imagine.accounts.forms import ChoosePasswordForm, CodeForm, EmailForm, SignInForm, TotpForm
from imagine.accounts.models import StaffSession
from imagine.accounts.security_events import AccountEventKind
from imagine.core.rate_limit import limit_posts, too_many_requests
from imagine.core.security_events import record_failure

RECOVERY_CODES = "recovery_codes"  # in a session: new codes the person hasn't saved yet


def page(request: HttpRequest, template: str, title: str, **context) -> HttpResponse:
    return render(request, f"accounts/{template}.html", {**admin.site.each_context(request), "title": title, **context})


# First step ------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """Ask for the password."""
    if request.method == "POST":
        return check_password(request)
    if admin.site.has_permission(request):
        return redirect(next_url(request, request.GET.get("next", "")))
    user = sign_in.pending_user(request)
    if user and "next" in request.GET:
        return redirect(second_step(user))
    return show_sign_in(request, SignInForm(request))


def check_password(request: HttpRequest) -> HttpResponse:
    if seconds := failures.wait_of_address(request, request.POST.get("username", "")):
        return too_many_requests(request, seconds)
    form = SignInForm(request, request.POST)
    if form.is_valid():
        failures.clear_wrong_passwords(request, form.cleaned_data["username"])
        return first_step_done(
            request,
            form.get_user(),
            shared_computer=form.cleaned_data["shared_computer"],
            wanted=request.POST.get("next", ""),
        )
    if not form.non_field_errors():
        return show_sign_in(request, form)
    return show_sign_in(request, form, wait=failures.count_wrong_password(request, form.cleaned_data["username"]))


def first_step_done(
    request: HttpRequest, user: User, *, shared_computer: bool = False, wanted: str = ""
) -> HttpResponse:
    """Lead a person to the second step, after a password or single sign-on."""
    sign_in.begin_sign_in(request, user, shared_computer=shared_computer, next_url=wanted)
    if sign_in.is_exempt(request):
        return finish_sign_in(request, user, sign_in.DEMO)
    return redirect(second_step(user))


def show_sign_in(request: HttpRequest, form: SignInForm, *, wait: int = 0) -> HttpResponse:
    if wait:
        form.add_error(None, wait_message(wait))
    response = page(
        request,
        "sign_in",
        _("Sign in"),
        form=form,
        next=request.POST.get("next", request.GET.get("next", "")),
        is_exempt=sign_in.is_exempt(request),
        has_single_sign_on=bool(settings.OIDC_ISSUER),
    )
    return told_to_wait(response, wait)


def wait_message(seconds: int) -> str:
    if seconds < 60:
        return ngettext(
            "Wait %(n)d second before you try again.", "Wait %(n)d seconds before you try again.", seconds
        ) % {"n": seconds}
    minutes = -(-seconds // 60)
    return ngettext("Wait %(n)d minute before you try again.", "Wait %(n)d minutes before you try again.", minutes) % {
        "n": minutes
    }


def told_to_wait(response: HttpResponse, wait: int) -> HttpResponse:
    if wait:
        response.status_code = 429
        response.headers["Retry-After"] = str(wait)
    return response


# Second step -----------------------------------------------------------------------------------------------------


def second_step(user: User) -> str:
    return reverse("second_factor" if second_factor.factors_of(user).any else "set_up_second_factor")


def finish_sign_in(request: HttpRequest, user: User, factor: str) -> HttpResponse:
    response = redirect(next_url(request, sign_in.complete_sign_in(request, user, factor)))
    failures.remember_browser(request, response, user)
    return response


def next_url(request: HttpRequest, wanted: str) -> str:
    """Return where the person wanted to go if that is one of our pages, otherwise the start page. (`redirect` takes a
    word without a slash for the name of a view.)"""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
        return wanted
    return reverse("admin:index")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Ask for a code or a passkey after the password."""
    user = sign_in.pending_user(request)
    if user is None:
        return start_over(request)
    if not second_factor.factors_of(user).any:
        return redirect("set_up_second_factor")
    return ask_for_second_factor(request, user, done=lambda factor: finish_sign_in(request, user, factor))


def ask_for_second_factor(
    request: HttpRequest, user: User, *, done: Callable[[str], HttpResponse], template: str = "second_factor"
) -> HttpResponse:
    """Ask for a code or a passkey. When it is right, return the response of `done`, which is passed the kind."""
    is_passkey, passkey_error, wait = "credential" in request.POST, "", 0
    form = CodeForm(None if is_passkey else request.POST or None)
    if is_passkey:
        if is_passkey_right(request, user):
            return done(second_factor.PASSKEY)
        passkey_error = _("That passkey doesn’t belong to your account. Try again, or enter a code.")
    elif form.is_valid():
        check = second_factor.check_code(user, form.cleaned_data["code"])
        if check.factor:
            return done(check.factor)
        wait = code_failed(request, user, form, check)
    factors = second_factor.factors_of(user)
    context = passkey_context(request, user, "get") if factors.passkeys else {}
    response = page(
        request,
        template,
        _("Confirm it’s you"),
        form=form,
        factors=factors,
        passkey_error=passkey_error,
        **context,
    )
    return told_to_wait(response, wait)


def is_passkey_right(request: HttpRequest, user: User) -> bool:
    from imagine.accounts import passkeys

    try:
        passkeys.check_passkey(request.session, user, request.POST["credential"])
    except passkeys.WrongPasskey:
        record_failure(AccountEventKind.SECOND_FACTOR_FAILED, user, user=user, request=request)
        return False
    return True


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_page(request: HttpRequest) -> HttpResponse:
    """Let a person without a second factor set one up. Until then, they see no other page."""
    user = sign_in.pending_user(request)
    if user is None:
        return start_over(request)
    if second_factor.factors_of(user).any:
        return redirect("second_factor")
    is_passkey = "credential" in request.POST
    if is_passkey and add_passkey(request, user):
        return set_up_done(request, user, second_factor.PASSKEY)
    form = TotpForm(None if is_passkey else request.POST or None)
    if form.is_valid():
        check = second_factor.confirm_totp(request.session, user, form.cleaned_data["code"])
        if check.factor:
            return set_up_done(request, user, check.factor)
        code_failed(request, user, form, check)
    return page(
        request,
        "set_up",
        _("Set up your second step"),
        form=form,
        passkey_error=_("We couldn’t add that passkey. Try again.") if is_passkey else "",
        **totp_context(request, user),
        **passkey_context(request, user, "create"),
    )


def add_passkey(request: HttpRequest, user: User) -> bool:
    """Add the passkey the browser sent. Return whether it was valid."""
    from imagine.accounts import passkeys

    name = sessions.browser_name(request.META.get("HTTP_USER_AGENT", "")) or _("Passkey")
    try:
        passkeys.add(request.session, user, request.POST["credential"], name=name)
    except passkeys.WrongPasskey:
        return False
    return True


def passkey_context(request: HttpRequest, user: User, action: Literal["create", "get"]) -> dict:
    from imagine.accounts import passkeys

    options = passkeys.creation_options if action == "create" else passkeys.request_options
    return {"passkey_action": action, "passkey_options": options(request.session, user)}


def set_up_done(request: HttpRequest, user: User, factor: str) -> HttpResponse:
    """Sign in, and show the recovery codes on the way."""
    response = finish_sign_in(request, user, factor)
    request.session[RECOVERY_CODES] = second_factor.new_recovery_codes(user)
    response["Location"] = f"{reverse('recovery_codes')}?{urlencode({'next': response['Location']})}"
    return response


def code_failed(request: HttpRequest, user: User, form: CodeForm, check: second_factor.CodeCheck) -> int:
    """Add the error to the form. Return how many seconds to wait. One second passes while people type the next code."""
    if check.tried:
        record_failure(AccountEventKind.SECOND_FACTOR_FAILED, user, user=user, request=request)
        form.add_error("code", _("That code is wrong or was already used. Enter the newest code."))
    if check.wait > 1 or not check.tried:
        form.add_error("code", wait_message(check.wait))
        return check.wait
    return 0


def totp_context(request: HttpRequest, user: User) -> dict:
    import segno

    device = second_factor.new_totp(request.session, user)
    picture = segno.make(device.config_url).svg_inline(scale=4, border=2, light="#fff")
    return {"qr": mark_safe(picture), "secret": second_factor.secret_of(device)}  # noqa: S308  # nosec (segno made it)


def start_over(request: HttpRequest) -> HttpResponse:
    return redirect("admin:index" if admin.site.has_permission(request) else "sign_in")


@require_POST
def cancel_sign_in(request: HttpRequest) -> HttpResponse:
    """Forget who finished the first step, so that someone else can sign in."""
    request.session.flush()
    return redirect("sign_in")


@never_cache
@staff.staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes until the person says they are saved."""
    wanted = next_url(request, request.POST.get("next", request.GET.get("next", "")))
    if request.method == "POST":
        request.session.pop(RECOVERY_CODES, None)
        return redirect(wanted)
    codes = request.session.get(RECOVERY_CODES)
    if not codes:
        return redirect(wanted)
    if not sign_in.is_recently_confirmed(request):
        return staff.ask_to_confirm(request.get_full_path())
    return page(request, "recovery_codes", _("Save your recovery codes"), codes=codes, next=wanted)


# Passwords -------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@limit_posts("password_reset", most=30, minutes=10)
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Email a link to choose a new password. The answer is the same for an address we don't know."""
    form = EmailForm(request.POST or None)
    if form.is_valid():
        staff.request_password_reset(form.cleaned_data["email"])
        messages.success(request, _("If there’s an account with that email address, we’ve sent it a link."))
        return redirect("sign_in")
    return page(request, "forgot_password", _("Forgot your password?"), form=form)


class SetPasswordPage(PasswordResetConfirmView):
    """Choose a password with the emailed link. That ends every session of the account, because Django ties sessions to
    the password."""

    template_name = "accounts/set_password.html"
    form_class = ChoosePasswordForm
    success_url = reverse_lazy("sign_in")
    title = gettext_lazy("Choose your password")

    def get_context_data(self, **kwargs):
        context = {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}
        return context if self.validlink else context | {"title": _("This link no longer works")}

    def form_valid(self, form):
        response = super().form_valid(form)
        sessions.end_sessions(form.user, StaffSession.objects.all())
        messages.success(self.request, _("Password saved. Sign in with it now."))
        return response
