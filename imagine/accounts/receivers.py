from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver

from imagine.accounts import sessions


@receiver(user_logged_in)
def on_user_logged_in(request, **kwargs) -> None:
    sessions.start(request)
