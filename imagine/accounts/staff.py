"""Create and find staff accounts, and protect the pages about a person's own account."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from imagine.accounts import emails, sessions, sign_in
from imagine.accounts.models import StaffSession
from imagine.core.rate_limit import wait_for_try

RESET_LIMITS = ((10, 1), (24 * 60, 10))  # emails to one account: minutes, most


@transaction.atomic
def create_account(user: User, *, name: str, role: Group, by: User) -> None:
    """Save a new account with an address. It works once its owner has chosen a password with the link we email."""
    user.username, user.first_name, user.is_staff = user.email.lower(), name, True
    user.set_unusable_password()
    user.save()
    user.groups.add(role)
    emails.queue_account_created(user, by=by)


@transaction.atomic
def change_account(user: User) -> None:
    """Save a changed account. If the username is the address, change both. End the sessions of an account that was
    turned off or is no longer a superuser."""
    before = User.objects.select_for_update().get(pk=user.pk)
    if user.email and user.username == before.email.lower() != user.email.lower():
        user.username = user.email.lower()
    user.save()
    if not (user.is_active and user.is_staff) or before.is_superuser > user.is_superuser:
        sessions.end_sessions(user, StaffSession.objects.all())


def find_account(name: str) -> User | None:
    """Return the account with this email or username. Most usernames are the address in lower case, but one created on
    the command line can be anything."""
    name = name.strip().replace("\x00", "")  # PostgreSQL stores no NUL
    if "@" not in name:
        return User.objects.filter(username=name).first()
    if named := User.objects.filter(username=name.lower()).first():
        return named
    return User.objects.filter(email__iexact=name).first()


def is_email_taken(email: str, *, by_other_than: User | None = None) -> bool:
    others = User.objects.exclude(pk=by_other_than.pk) if by_other_than else User.objects.all()
    return others.filter(Q(email__iexact=email) | Q(username__iexact=email)).exists()


@transaction.atomic
def request_password_reset(email: str) -> None:
    """Email a link to choose a new password if there is such an account and it hasn't been sent many recently."""
    for user in User.objects.filter(email__iexact=email, is_active=True, is_staff=True):
        is_allowed = all(
            not wait_for_try(f"password reset in {minutes} minutes:{user.pk}", most=most, minutes=minutes)
            for minutes, most in RESET_LIMITS
        )
        if is_allowed:
            emails.queue_password_reset(user)


def recent_factor_required(view: Callable) -> Callable:
    """Decorate a view that changes how an account signs in, so that it asks for a recent second factor."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if sign_in.is_recently_confirmed(request):
            return view(request, *args, **kwargs)
        return ask_to_confirm(request.get_full_path())

    return wrapper


def ask_to_confirm(back_to: str) -> HttpResponse:
    return redirect(f"{reverse('confirm_factor')}?{urlencode({'next': back_to})}")


def staff_required(view: Callable) -> Callable:
    """Decorate a view for any signed-in member of staff."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_staff:
            return view(request, *args, **kwargs)
        return redirect(f"{reverse('sign_in')}?{urlencode({'next': request.path})}")

    return wrapper
