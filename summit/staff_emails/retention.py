"""Delete what emails to guests have that may be about people (imagine/privacy/retention.py says when)."""

from collections.abc import Collection
from datetime import timedelta

from django.db.models.functions import Now

from summit.models import StaffEmail

ATTACHMENT_LIFETIME = timedelta(days=60)  # after the emails were written; their texts are deleted 30 days after sending


def clear_attachments(held: Collection[str] = ()) -> int:
    """Delete the attached files of old mailings. Return how many."""
    old = StaffEmail.objects.filter(mailing__rendered_at__lt=Now() - ATTACHMENT_LIFETIME)
    return old.exclude(attachment=b"").update(attachment=b"")
