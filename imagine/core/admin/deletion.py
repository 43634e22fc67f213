"""What a deletion takes along."""

from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import transaction
from django.utils.text import capfirst

from imagine.core.deletion import reasons_to_keep
from imagine.core.models import SecurityEventKind
from imagine.core.security_events import record_event


class DeletionAdmin(admin.ModelAdmin):
    """An admin whose delete pages don't list what only follows a row, such as its history and its emails: there can be
    hundreds, and no one may delete them on their own. It records each deletion, unless a rule does."""

    def delete_model(self, request, obj):
        record_event(SecurityEventKind.RECORD_DELETED, obj)
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request, queryset):
        for row in queryset:
            record_event(SecurityEventKind.RECORD_DELETED, row)
        super().delete_queryset(request, queryset)

    def get_deleted_objects(self, objs, request):
        objs = list(objs)
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)
        protected = [*protected, *reasons_to_keep(objs)]
        models = [model for model in apps.get_models() if follows_others(model)]
        listed = without_models(listed, tuple(f"{capfirst(model._meta.verbose_name)}: " for model in models))
        counts = {name: number for name, number in counts.items() if name not in plural_names(models)}
        return listed, counts, missing - {model._meta.verbose_name for model in models}, protected


def follows_others(model) -> bool:
    return any(isinstance(field, GenericForeignKey) for field in model._meta.private_fields)


def plural_names(models) -> set:
    return {model._meta.verbose_name_plural for model in models}


def without_models(listed: list, prefixes: tuple[str, ...]) -> list:
    """Return a nested list of rows, as Django's admin makes it, without those that start with a prefix and without what
    is nested below them."""
    kept, follows = [], False
    for entry in listed:
        if not isinstance(entry, list):
            follows = str(entry).startswith(prefixes)
            if not follows:
                kept.append(entry)
        elif not follows and (rest := without_models(entry, prefixes)):
            kept.append(rest)
    return kept
