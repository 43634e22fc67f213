"""Rate limits are written on every form and may be lost in a crash, so they skip the write-ahead log."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("core", "0002_trigram_extension")]

    operations = [
        migrations.RunSQL("ALTER TABLE core_ratelimitcount SET UNLOGGED", "ALTER TABLE core_ratelimitcount SET LOGGED"),
    ]
