"""A person's own account: second factors, recovery codes, and sessions."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from imagine.accounts import second_factor, sessions, sign_in
from imagine.accounts.forms import TotpForm
from imagine.accounts.models import StaffSession
from imagine.accounts.staff import ask_to_confirm, recent_factor_required, staff_required
from imagine.accounts.views.sign_in import (
    RECOVERY_CODES,
    add_passkey,
    ask_for_second_factor,
    code_failed,
    next_url,
    page,
    passkey_context,
    totp_context,
)


@never_cache
@staff_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    rows = StaffSession.objects.filter(user=request.user, expire_date__gt=timezone.now()).order_by("-last_used_at")
    return page(
        request,
        "account",
        _("Your account"),
        factors=second_factor.factors_of(request.user),
        sessions=rows,
        this_session=request.session.session_key,
        is_exempt=sign_in.is_exempt(request),
    )


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_factor(request: HttpRequest) -> HttpResponse:
    """Ask for a second factor again before the person changes how they sign in."""
    account_page = reverse("account")
    wanted = next_url(request, request.GET.get("next", account_page))

    def done(factor: str) -> HttpResponse:
        sign_in.mark_confirmed(request)
        if wanted == account_page:
            messages.success(request, _("Thanks. You can make your change now."))
        return redirect(wanted)

    if not second_factor.factors_of(request.user).any:
        return redirect(wanted)
    return ask_for_second_factor(request, request.user, done=done, template="confirm_factor")


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_factor_required
def add_totp(request: HttpRequest) -> HttpResponse:
    """Add an authenticator app, or replace the one there is."""
    form = TotpForm(request.POST or None)
    if form.is_valid():
        check = second_factor.confirm_totp(request.session, request.user, form.cleaned_data["code"])
        if check.factor:
            messages.success(request, _("Authenticator app added."))
            return redirect_to_codes(request)
        code_failed(request, request.user, form, check)
    factors = second_factor.factors_of(request.user)
    title = _("Add an authenticator app")
    return page(request, "add_totp", title, form=form, factors=factors, **totp_context(request, request.user))


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
@recent_factor_required
def add_passkey_page(request: HttpRequest) -> HttpResponse:
    is_sent = "credential" in request.POST
    if is_sent and add_passkey(request, request.user):
        messages.success(request, _("Passkey added."))
        return redirect_to_codes(request)
    error = _("We couldn’t add that passkey. Try again.") if is_sent else ""
    context = passkey_context(request, request.user, "create")
    return page(request, "add_passkey", _("Add a passkey"), passkey_error=error, **context)


def redirect_to_codes(request: HttpRequest) -> HttpResponse:
    """Return to the account, or show new recovery codes first if it has none."""
    if second_factor.factors_of(request.user).recovery_codes:
        return redirect("account")
    return new_codes(request)


def new_codes(request: HttpRequest) -> HttpResponse:
    request.session[RECOVERY_CODES] = second_factor.new_recovery_codes(request.user)
    return redirect("recovery_codes", permanent=False)


@staff_required
@require_POST
def replace_recovery_codes(request: HttpRequest) -> HttpResponse:
    if not second_factor.factors_of(request.user).any:
        return redirect("account")
    if not sign_in.is_recently_confirmed(request):
        return ask_to_confirm(reverse("account"))
    return new_codes(request)


@staff_required
@require_POST
def remove_factor(request: HttpRequest) -> HttpResponse:
    """Remove the authenticator app or a passkey, but not the last of them."""
    if not sign_in.is_recently_confirmed(request):
        return ask_to_confirm(reverse("account"))
    passkey = request.POST.get("passkey", "")
    factor = second_factor.PASSKEY if passkey.isdecimal() else second_factor.TOTP
    if second_factor.remove(request.user, factor, passkey=int(passkey[:15]) if passkey.isdecimal() else None):
        messages.success(request, _("Removed. You can no longer sign in with it."))
    else:
        messages.error(request, _("You need at least one second step. Add another before you remove this one."))
    return redirect("account")


@staff_required
@require_POST
def end_session(request: HttpRequest) -> HttpResponse:
    """End one of the person's other sessions, or all of them."""
    own = request.session.session_key
    rows = StaffSession.objects.filter(user=request.user).exclude(session_key=own)
    if "session" in request.POST:
        rows = rows.filter(pk__in=[row.pk for row in rows if row.public_id == request.POST["session"]])
    count = sessions.end_sessions(request.user, rows)
    messages.success(request, ngettext("%(n)d session ended.", "%(n)d sessions ended.", count) % {"n": count})
    return redirect("account")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def session_status(request: HttpRequest) -> HttpResponse:
    """Tell the script on a staff page how long its session lasts. A POST extends it."""
    if not request.user.is_authenticated:
        return JsonResponse({"seconds": 0})
    if request.method == "POST":
        sessions.extend(request)
    answer = {"seconds": request.session.get_expiry_age(), "user": str(request.user.pk), "token": get_token(request)}
    return JsonResponse(answer)
