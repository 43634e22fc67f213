from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, pre_delete
from django.dispatch import receiver
from django.utils.translation import gettext as _

from imagine.accounts import sessions
from imagine.accounts.emails import AccountEmailKind
from imagine.accounts.models import StaffSession
from imagine.mail.models import Message
from imagine.mail.queue import CannotResend
from imagine.mail.signals import resend_requested


@receiver(user_logged_in)
def on_user_logged_in(request, **kwargs) -> None:
    sessions.start_session(request)


@receiver(m2m_changed, sender=User.groups.through)
def on_roles_changed(instance: Model, action: str, pk_set: set[int] | None, **kwargs) -> None:
    """End the sessions of an account that loses a role, from whichever side."""
    if action not in ("post_remove", "pre_clear"):
        return
    if isinstance(instance, Group):
        end_sessions_of(instance.user_set.all() if pk_set is None else User.objects.filter(pk__in=pk_set))
    else:
        end_sessions_of(User.objects.filter(pk=instance.pk))


@receiver(pre_delete, sender=Group)
def on_role_deleted(instance: Group, **kwargs) -> None:
    """Deleting a role takes it away from its people without another signal."""
    end_sessions_of(instance.user_set.all())


def end_sessions_of(users: QuerySet[User]) -> None:
    """A superuser loses nothing with a role."""
    for user in users.filter(is_superuser=False):
        sessions.end_sessions(user, StaffSession.objects.all())


@receiver(resend_requested)
def on_resend_requested(message: Message, **kwargs) -> None:
    """A link to choose a password works only once, and other emails about accounts would be out of date."""
    if message.kind in AccountEmailKind.values:
        raise CannotResend(_("You can’t resend emails about accounts. For a new link, use “Forgot your password?”"))
