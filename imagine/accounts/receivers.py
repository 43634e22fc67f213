from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.utils.translation import gettext as _

from imagine.accounts import sessions
from imagine.accounts.emails import EmailKind
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from imagine.mail.signals import resend_requested


@receiver(user_logged_in)
def on_user_logged_in(request, **kwargs) -> None:
    sessions.start(request)


@receiver(resend_requested)
def on_resend_requested(message: Message, **kwargs) -> None:
    """A link to choose a password works once, and the rest is old news."""
    if message.kind in EmailKind.values:
        raise CannotResend(_("Emails about accounts can’t be sent again. “Forgot your password?” sends a new link."))
