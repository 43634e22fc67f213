"""The version number of what the public pages show."""

from django.db import models


class DirectoryVersion(models.Model):
    """The number of the last transactions that changed a table the public pages are built from.

    Triggers on these tables write it (migration 0003), so that no writer can forget to, and drop the numbers of earlier
    transactions. Two readers who find the same rows are shown the same page.
    """

    id = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name = "directory version"
        verbose_name_plural = "directory versions"

    def __str__(self):
        return str(self.pk)
