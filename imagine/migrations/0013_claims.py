import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """What a crash of the database may have forgotten is seen by a table that it empties."""

    dependencies = [("imagine", "0012_mailing_kind")]

    operations = [
        migrations.CreateModel(
            name="Claim",
            fields=[
                ("lease", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RunSQL("ALTER TABLE imagine_claim SET UNLOGGED", "ALTER TABLE imagine_claim SET LOGGED"),
    ]
