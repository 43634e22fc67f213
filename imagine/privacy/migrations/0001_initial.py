import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email_hash', models.CharField(max_length=64)),
                ('erased_at', models.DateTimeField(verbose_name='erased')),
                ('finished_at', models.DateTimeField(editable=False, null=True, verbose_name='finished')),
                ('erased_by', models.CharField(blank=True, max_length=150, verbose_name='erased by')),
                ('counts', models.JSONField(default=dict, help_text='The number of records by table.', verbose_name='records')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'ordering': ['-erased_at', '-pk'],
                'permissions': [('see_person', 'Can see everything about a person'), ('erase_person', 'Can erase a person')],
                'constraints': [models.UniqueConstraint(fields=('email_hash', 'erased_at'), name='erasure_once')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='email')),
                ('reason', models.CharField(help_text='For example, “Public records request 2027-014”.', max_length=200, verbose_name='reason')),
                ('ends_on', models.DateField(help_text='You can change this later. To end the hold early, choose yesterday.', verbose_name='last day')),
                ('created_by', models.CharField(editable=False, max_length=150, verbose_name='placed by')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='placed')),
            ],
            options={
                'verbose_name': 'hold',
                'verbose_name_plural': 'holds',
                'ordering': ['-ends_on', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='hold_email_in_lower_case'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='hold_has_a_reason')],
            },
        ),
    ]
