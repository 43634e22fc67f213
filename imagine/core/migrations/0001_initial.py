import django.db.models.deletion
import django.db.models.functions.datetime
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
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('actor_kind', models.CharField(choices=[('guest', 'the guest, by link'), ('staff', 'staff'), ('system', 'by itself')], max_length=8)),
                ('actor_name', models.CharField(blank=True, max_length=150)),
                ('changes', models.JSONField()),
                ('reason', models.CharField(blank=True, max_length=300)),
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
                ('kind', models.CharField(choices=[('signed_in', 'Signed in'), ('signed_out', 'Signed out'), ('sign_in_failed', 'Sign-in failed'), ('session_ended', 'Session ended'), ('password_changed', 'Password changed'), ('second_factor_added', 'Second step added'), ('second_factor_removed', 'Second step removed'), ('second_factor_reset', 'Second step reset'), ('second_factor_failed', 'Second step failed'), ('recovery_codes_created', 'Recovery codes created'), ('recovery_code_used', 'Recovery code used'), ('account_created', 'Account created'), ('account_changed', 'Account changed'), ('account_deleted', 'Account deleted'), ('role_changed', 'Role changed'), ('exported', 'Exported'), ('email_viewed', 'Email opened as its recipient sees it'), ('mailing_created', 'Mailing created'), ('mailing_approved', 'Mailing approved'), ('mailing_paused', 'Mailing paused'), ('mailing_resumed', 'Mailing resumed'), ('mailing_stopped', 'Mailing stopped'), ('email_resent', 'Email resent'), ('several_changed', 'Several records changed at once'), ('link_replaced', 'Personal link replaced'), ('organizations_merged', 'Organizations merged'), ('bounce_marked', 'Address marked as bouncing'), ('bounce_cleared', 'Bouncing address cleared'), ('person_erased', 'Person erased'), ('record_deleted', 'Record deleted'), ('setting_changed', 'Setting changed')], max_length=30, verbose_name='what')),
                ('user_name', models.CharField(blank=True, max_length=150, verbose_name='who')),
                ('network', models.CharField(blank=True, max_length=43, verbose_name='from where')),
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
