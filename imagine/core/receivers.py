"""Receivers of Django's own signals about accounts, for the activity log. They see every way to sign in and to change
an account: the admin, a command, single sign-on. Business logic uses no model signals; accounts aren't ours."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event, record_failure

ACCOUNT_FIELDS = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
ROLE_ACTIONS = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}


@receiver(user_logged_in)
def on_signed_in(request, user, **kwargs) -> None:
    record_event(SecurityEventKind.SIGNED_IN, user, user=user, request=request)


@receiver(user_logged_out)
def on_signed_out(request, user, **kwargs) -> None:
    if user is not None:
        record_event(SecurityEventKind.SIGNED_OUT, user, user=user, request=request)


@receiver(user_login_failed)
def on_sign_in_failed(credentials, request=None, **kwargs) -> None:
    """Record whose account was tried. A name without an account isn't kept: people type passwords in its place."""
    name = credentials.get(User.USERNAME_FIELD) or ""
    account = User.objects.filter(**{User.USERNAME_FIELD: name}).first()
    facts: dict[str, Any] = {"account": account.get_username()} if account else {}
    record_failure(SecurityEventKind.SIGN_IN_FAILED, account, request=request, **facts)


# Accounts and roles ----------------------------------------------------------------------------------------------


@receiver(pre_save, sender=User)
def before_account_saved(instance: User, update_fields=None, **kwargs) -> None:
    names = [name for name in ACCOUNT_FIELDS if update_fields is None or name in update_fields]
    stored = User.objects.filter(pk=instance.pk).values(*names).first() if instance.pk and names else None
    changed = [name for name in names if stored and stored[name] != getattr(instance, name)]
    if changed:
        record_event(SecurityEventKind.ACCOUNT_CHANGED, instance, account=instance.get_username(), fields=changed)
    if instance.pk and getattr(instance, "_password", None) is not None:  # None when Django only renews the hash
        record_event(SecurityEventKind.PASSWORD_CHANGED, instance, account=instance.get_username())


@receiver(post_save, sender=User)
def on_account_saved(instance: User, created: bool, **kwargs) -> None:
    if created:
        record_event(SecurityEventKind.ACCOUNT_CREATED, instance, account=instance.get_username())


@receiver(post_delete, sender=User)
def on_account_deleted(instance: User, **kwargs) -> None:
    record_event(SecurityEventKind.ACCOUNT_DELETED, instance, account=instance.get_username())


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def on_role_changed(instance: Model, action: str, reverse: bool, model, pk_set, sender, **kwargs) -> None:
    """Record what an account or a role was given or lost, from either side of the relation."""
    if action not in ROLE_ACTIONS:
        return
    others = model.objects.filter(pk__in=pk_set) if pk_set is not None else linked(instance, sender, model)
    pairs = [(other, [instance]) for other in others] if reverse else [(instance, list(others))]
    for holder, given in pairs:
        if given:
            label = "account" if isinstance(holder, User) else "role"
            facts: dict[str, Any] = {label: str(holder), ROLE_ACTIONS[action]: names(given)}
            record_event(SecurityEventKind.ROLE_CHANGED, holder, **facts)


@receiver(pre_save, sender=Group)
def before_role_saved(instance: Group, **kwargs) -> None:
    """The district's groups name a role."""
    stored = Group.objects.filter(pk=instance.pk).first()
    if stored and stored.name != instance.name:
        record_event(SecurityEventKind.ROLE_CHANGED, instance, role=stored.name, renamed=instance.name)


@receiver(pre_delete, sender=Group)
def before_role_deleted(instance: Group, **kwargs) -> None:
    """Deleting it takes it from its people without another signal."""
    if people := list(instance.user_set.all()):
        record_event(SecurityEventKind.ROLE_CHANGED, instance, role=instance.name, removed=names(people))
    record_event(SecurityEventKind.RECORD_DELETED, instance, role=instance.name)


def linked(instance: Model, through: type[Model], model: type[Model]) -> QuerySet:
    """Return the rows of `model` that a many-to-many table links to an instance."""
    own, other = str(instance._meta.model_name), str(model._meta.model_name)
    rows = through._default_manager.filter(**{own: instance.pk})
    return model._default_manager.filter(pk__in=rows.values(other))


def app_label(permission: Permission) -> str:
    return ContentType.objects.get_for_id(permission.content_type_id).app_label  # which it remembers


def names(given: Sequence[Model]) -> list[str]:
    return sorted(f"{app_label(row)}.{row.codename}" if isinstance(row, Permission) else str(row) for row in given)
