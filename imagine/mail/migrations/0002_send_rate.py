"""The one row of how fast mail to many leaves."""

from django.db import migrations


def begin(apps, schema_editor):
    apps.get_model("mail", "SendRate").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("mail", "0001_initial")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
