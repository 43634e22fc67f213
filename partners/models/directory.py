"""The version of the data that the public pages show."""

from django.db import models


class DirectoryVersion(models.Model):
    """The IDs of the last transactions that changed a table the public pages are built from.

    Triggers on these tables write them (migration 0003), so that no code can forget to, and delete the IDs of earlier
    transactions. Pages built from the same rows are the same.
    """

    id = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name = "directory version"
        verbose_name_plural = "directory versions"

    def __str__(self):
        return str(self.pk)
