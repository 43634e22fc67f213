"""How far the mailbox with delivery reports was read."""

from django.db import models
from django.db.models.functions import Now


class ReportMailbox(models.Model):
    """The mailbox that BOUNCE_IMAP_URL names, by a hash of its name. `last_uid` is the last email that was looked at,
    numbered by the mail server as long as `uid_validity` stays the same (RFC 9051, 2.3.1)."""

    key = models.CharField(max_length=64, primary_key=True)
    uid_validity = models.BigIntegerField(default=0)
    last_uid = models.BigIntegerField(default=0)
    claim_expires_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    def __str__(self):
        return self.key
