"""The one row with the send rate of all mailings."""

from django.db import migrations


def begin(apps, schema_editor):
    apps.get_model("mail", "SendRate").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("mail", "0001_initial")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
