"""How the public pages notice that what they show has changed."""

from django.db import models


class WallChange(models.Model):
    """The number of a transaction that changed a table the public pages are made of.

    Triggers of these tables write it (migration wall_changes), so that no writer can forget to, and take out those of
    earlier transactions. Two readers who find the same rows are shown the same page.
    """

    id = models.BigIntegerField(primary_key=True)

    class Meta:
        verbose_name = "change of the wall"
        verbose_name_plural = "changes of the wall"

    def __str__(self):
        return str(self.pk)
