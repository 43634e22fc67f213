"""Creating staff accounts, and who may look at the pages about one's own account."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from imagine.accounts import emails, sessions
from imagine.accounts.models import StaffSession


@transaction.atomic
def create_account(user: User, *, name: str, role: Group, by: User) -> None:
    """Save a new account with an address. It works as soon as its owner chose a password with the link we email."""
    user.username, user.first_name, user.is_staff = user.email.lower(), name, True
    user.set_unusable_password()
    user.save()
    user.groups.add(role)
    emails.queue_account_created(user, by=by)


@transaction.atomic
def change_account(user: User) -> None:
    """Save a changed account. One named by its address stays so, and one that was turned off has no sessions."""
    before = User.objects.select_for_update().get(pk=user.pk)
    if before.email and user.username == before.email.lower() != user.email.lower():
        user.username = user.email.lower()
    user.save()
    if not (user.is_active and user.is_staff):
        sessions.end_sessions(user, StaffSession.objects.all())


def request_password_reset(email: str) -> None:
    """Email a link to choose a new password, if there is such an account."""
    with transaction.atomic():
        for user in User.objects.filter(email__iexact=email, is_active=True, is_staff=True):
            emails.queue_password_reset(user)


def staff_required(view: Callable) -> Callable:
    """Decorate a view for any signed-in member of staff."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated and request.user.is_staff:
            return view(request, *args, **kwargs)
        return redirect(f"{reverse('sign_in')}?{urlencode({'next': request.path})}")

    return wrapper
