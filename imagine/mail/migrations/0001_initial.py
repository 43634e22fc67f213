import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
import imagine.core.links
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.CreateModel(
            name='QueueHeartbeat',
            fields=[
                ('queue', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ReportMailbox',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('uid_validity', models.BigIntegerField(default=0)),
                ('last_uid', models.BigIntegerField(default=0)),
                ('claim_expires_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('read_at', models.DateTimeField(null=True)),
                ('failing_since', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EmailPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='email')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('wants_invitations', models.BooleanField(default=True, verbose_name='invitations')),
                ('wants_reminders', models.BooleanField(default=True, verbose_name='reminders')),
                ('wants_news', models.BooleanField(default=False, verbose_name='news')),
                ('suppressed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='bouncing since')),
                ('suppression_reason', models.CharField(blank=True, editable=False, max_length=300, verbose_name='reason')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='last changed')),
            ],
            options={
                'verbose_name': 'email preferences',
                'verbose_name_plural': 'email preferences',
                'ordering': ['email'],
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='email_preference_in_lower_case'), models.CheckConstraint(condition=models.Q(('suppression_reason', ''), ('suppressed_at__isnull', False), _connector='OR'), name='email_preference_suppression_reason')],
            },
        ),
        migrations.CreateModel(
            name='Mailing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('object_id', models.PositiveBigIntegerField()),
                ('template', models.CharField(default='invitation', max_length=40, verbose_name='template')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('recipient_count', models.PositiveIntegerField(verbose_name='recipients')),
                ('skipped_count', models.PositiveIntegerField(default=0, verbose_name='skipped')),
                ('started_by', models.CharField(blank=True, max_length=150, verbose_name='started by')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('rendered_at', models.DateTimeField(blank=True, null=True, verbose_name='all emails prepared')),
                ('paused_at', models.DateTimeField(blank=True, null=True, verbose_name='paused')),
                ('stopped_at', models.DateTimeField(blank=True, null=True, verbose_name='stopped')),
                ('content_type', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='contenttypes.contenttype')),
            ],
            options={
                'verbose_name': 'mailing',
                'verbose_name_plural': 'mailings',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('idempotency_key', models.CharField(max_length=120, verbose_name='unique key')),
                ('kind', models.CharField(max_length=40)),
                ('object_id', models.PositiveBigIntegerField(null=True)),
                ('queue', models.CharField(choices=[('transactional', 'Individual'), ('bulk', 'Bulk')], default='transactional', max_length=16, verbose_name='type')),
                ('recipient', models.EmailField(max_length=254, verbose_name='to')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], max_length=5, verbose_name='language')),
                ('subject', models.CharField(max_length=200, verbose_name='subject')),
                ('body_text', models.TextField(verbose_name='text')),
                ('body_html', models.TextField(verbose_name='HTML')),
                ('ics', models.TextField(blank=True, verbose_name='calendar file')),
                ('ics_method', models.CharField(blank=True, max_length=10, verbose_name='calendar method')),
                ('topic', models.CharField(blank=True, choices=[('invitations', 'Invitations'), ('reminders', 'Reminders'), ('news', 'News')], max_length=12)),
                ('unsubscribe_url', models.CharField(blank=True, max_length=200, verbose_name='unsubscribe link')),
                ('attachment_kind', models.CharField(blank=True, max_length=40)),
                ('attachment_object_id', models.PositiveBigIntegerField(null=True)),
                ('attachment_name', models.CharField(blank=True, max_length=120, verbose_name='attachment')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('rejected', 'Bounced'), ('unknown', 'Delivery unknown'), ('failed', 'Failed')], default='queued', max_length=10, verbose_name='status')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('send_after', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='send after')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('retry_until', models.DateTimeField(db_default=django.db.models.expressions.CombinedExpression(django.db.models.functions.datetime.Now(), '+', models.Value(datetime.timedelta(days=1))), verbose_name='retry until')),
                ('claim_id', models.UUIDField(blank=True, null=True, verbose_name='claim')),
                ('claim_expires_at', models.DateTimeField(blank=True, null=True, verbose_name='claimed until')),
                ('handed_over_at', models.DateTimeField(blank=True, null=True, verbose_name='last sent to the mail server')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='created')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent')),
                ('bounced_at', models.DateTimeField(blank=True, null=True, verbose_name='bounced')),
                ('complained_at', models.DateTimeField(blank=True, null=True, verbose_name='marked as spam')),
                ('handled_at', models.DateTimeField(blank=True, null=True, verbose_name='handled')),
                ('possible_duplicate', models.BooleanField(default=False, verbose_name='may have been sent more than once')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('attachment_content_type', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contenttypes.contenttype')),
                ('content_type', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contenttypes.contenttype')),
                ('mailing', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='mail.mailing', verbose_name='mailing')),
            ],
            options={
                'verbose_name': 'email',
                'verbose_name_plural': 'sent email',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='SendRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('per_second', models.PositiveIntegerField(default=60, help_text='For all invitations and reminders. Confirmations go out right away.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)], verbose_name='emails per second, at most')),
                ('next_at', models.DateTimeField(default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), editable=False)),
            ],
            options={
                'verbose_name': 'sending speed',
                'verbose_name_plural': 'sending speed',
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='send_rate_only_one'), models.CheckConstraint(condition=models.Q(('per_second__gte', 1), ('per_second__lte', 10000)), name='send_rate_in_bounds')],
            },
        ),
        migrations.CreateModel(
            name='TemplateOverride',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('template', models.CharField(max_length=40, verbose_name='template')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], max_length=5, verbose_name='language')),
                ('subject', models.CharField(blank=True, max_length=150, verbose_name='subject')),
                ('text', models.TextField(blank=True, max_length=4000, verbose_name='text')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='last changed')),
                ('changed_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='last changed by')),
            ],
            options={
                'verbose_name': 'email template',
                'verbose_name_plural': 'email templates',
                'ordering': ['template', 'language'],
                'constraints': [models.UniqueConstraint(fields=('template', 'language'), name='template_override_one_per_template_and_language')],
            },
        ),
        migrations.AddIndex(
            model_name='mailing',
            index=models.Index(fields=['content_type', 'object_id', '-created_at'], name='mailing_about'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['queue', 'send_after'], name='message_due_in_queue'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state', 'sending')), fields=['claim_expires_at'], name='message_claimed'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['-created_at'], name='message_newest'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['content_type', 'object_id'], name='message_about'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['recipient'], name='message_pending'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('state__in', ['rejected', 'unknown', 'failed'])), fields=['send_after'], name='message_undelivered'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('idempotency_key',), name='message_idempotency_key_once'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('claim_expires_at__isnull', False), ('claim_id__isnull', False), ('state', 'sending')), models.Q(models.Q(('state', 'sending'), _negated=True), ('claim_expires_at__isnull', True), ('claim_id__isnull', True)), _connector='OR'), name='message_claim_only_while_sending'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('sent_at__isnull', False), ('state', 'sent')), models.Q(('bounced_at__isnull', False), ('state', 'rejected')), models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', True)), _connector='OR'), name='message_sent_at_only_when_sent'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'rejected'), ('bounced_at__isnull', True), _connector='OR'), name='message_bounced_is_rejected'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(('handled_at__isnull', True), ('state__in', ['rejected', 'failed']), _connector='OR'), name='message_handled_only_when_undelivered'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('attachment_kind', ''), ('attachment_name', '')), models.Q(models.Q(('attachment_kind', ''), _negated=True), models.Q(('attachment_name', ''), _negated=True)), _connector='OR'), name='message_attachment_has_a_name'),
        ),
    ]
