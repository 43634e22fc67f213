from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("imagine", "0008_pace")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="begun_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last handed to the mail server"),
        ),
    ]
