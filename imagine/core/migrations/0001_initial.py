import django.db.models.deletion
import django.db.models.functions.datetime
import imagine.core.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RateLimitCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=80)),
                ('since', models.DateTimeField()),
                ('count', models.PositiveIntegerField(default=1)),
            ],
            options={
                'indexes': [models.Index(fields=['since'], name='rate_limit_count_by_time')],
                'constraints': [models.UniqueConstraint(fields=('key', 'since'), name='rate_limit_count_once_a_window')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('object_id', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='when')),
                ('actor_kind', models.CharField(choices=[('guest', 'guest or partner'), ('staff', 'staff'), ('system', 'automatic')], max_length=8, verbose_name='who')),
                ('actor_name', models.CharField(blank=True, max_length=150, verbose_name='username')),
                ('changes', models.JSONField(verbose_name='changes')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('content_type', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contenttypes.contenttype')),
            ],
            options={
                'indexes': [models.Index(fields=['content_type', 'object_id', 'created_at'], name='audit_entry_of_one_object')],
            },
        ),
        migrations.CreateModel(
            name='SecurityEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='when')),
                ('kind', models.CharField(choices=imagine.core.models.security_event_kinds, max_length=30, verbose_name='what')),
                ('user_name', models.CharField(blank=True, max_length=150, verbose_name='who')),
                ('network', models.CharField(blank=True, max_length=43, verbose_name='network')),
                ('object_id', models.CharField(max_length=36, null=True)),
                ('facts', models.JSONField(default=dict, verbose_name='details')),
                ('content_type', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='contenttypes.contenttype')),
                ('user', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'activity entry',
                'verbose_name_plural': 'activity entries',
                'permissions': [('export_many', 'Can export more than 500 rows'), ('replace_links', 'Can replace personal links'), ('act_on_many', 'Can change several records at once')],
                'default_permissions': ('view',),
                'indexes': [models.Index(fields=['created_at'], name='security_event_created_at'), models.Index(fields=['content_type', 'object_id'], name='security_event_of_one_object')],
            },
        ),
    ]
