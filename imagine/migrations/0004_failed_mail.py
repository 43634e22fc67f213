from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("imagine", "0003_history"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state__in", ["refused", "unknown", "given_up"])),
                fields=["not_before"],
                name="message_failed",
            ),
        ),
    ]
