"""Delete what the change history and Django's log keep about people (imagine/privacy/retention.py says when)."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.contrib.admin.models import LogEntry
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from imagine.core.models import AuditEntry

HISTORY_LIFETIME = timedelta(days=2 * 365)
BATCH_SIZE = 500  # rows in one transaction
HIDDEN = ["…", "…"]
REMOVED_NAME = "–"


def hide_values(objects: Iterable[Model], fields: Collection[str]) -> None:
    """Hide the values of these fields' changes. Keep only that they changed, when, and who changed them."""
    entries = list(AuditEntry.objects.about_any(objects).filter(changes__has_any_keys=list(fields)))
    for entry in entries:
        entry.changes |= {field: HIDDEN for field in fields if field in entry.changes}
    AuditEntry.objects.bulk_update(entries, ["changes"], batch_size=BATCH_SIZE)


def delete_old_entries(exclude: Q) -> int:
    """Delete old entries of the change history, except those that `exclude` matches."""
    old = AuditEntry.objects.filter(created_at__lt=Now() - HISTORY_LIFETIME).exclude(exclude)
    return delete_batch(old)


def delete_old_log_entries(exclude: Q) -> int:
    """Delete old entries of the admin's log, except those that `exclude` matches."""
    old = LogEntry.objects.filter(action_time__lt=Now() - HISTORY_LIFETIME).exclude(exclude)
    return delete_batch(old)


def delete_batch(rows: QuerySet) -> int:
    """Delete the first of these rows. Return how many."""
    pks = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    return rows.model._default_manager.filter(pk__in=pks).delete()[0]
