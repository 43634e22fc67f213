"""Claims of bulk batches may be lost in a crash, so they skip the write-ahead log."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mail", "0002_send_rate")]

    operations = [
        migrations.RunSQL("ALTER TABLE mail_claim SET UNLOGGED", "ALTER TABLE mail_claim SET LOGGED"),
    ]
