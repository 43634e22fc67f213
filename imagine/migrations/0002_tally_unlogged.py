from django.db import migrations


class Migration(migrations.Migration):
    """Counting a try must not cost a write to disk: an unlogged table is emptied by a crash, which suits a count."""

    dependencies = [("imagine", "0001_first")]

    operations = [
        migrations.RunSQL("ALTER TABLE imagine_tally SET UNLOGGED", "ALTER TABLE imagine_tally SET LOGGED"),
    ]
