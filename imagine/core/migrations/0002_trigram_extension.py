"""Trigram indexes, for searching names as people type them.

The extension comes with PostgreSQL and is trusted, so the owner of the database may create it.
"""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [TrigramExtension()]
