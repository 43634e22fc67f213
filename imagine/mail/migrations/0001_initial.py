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
                ('email', models.EmailField(help_text='In lower case.', max_length=254, unique=True, verbose_name='email')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('wants_invitations', models.BooleanField(default=True, verbose_name='wants invitations')),
                ('wants_reminders', models.BooleanField(default=True, verbose_name='wants reminders')),
                ('wants_news', models.BooleanField(default=False, verbose_name='wants news')),
                ('suppressed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='refuses mail since')),
                ('suppression_reason', models.CharField(blank=True, editable=False, max_length=300, verbose_name='what its mail server said')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'address',
                'verbose_name_plural': 'addresses',
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
                ('recipient_count', models.PositiveIntegerField(verbose_name='people')),
                ('skipped_count', models.PositiveIntegerField(default=0, verbose_name='skipped since then')),
                ('started_by', models.CharField(blank=True, max_length=150, verbose_name='started by')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='started')),
                ('rendered_at', models.DateTimeField(blank=True, null=True, verbose_name='all written')),
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
                ('idempotency_key', models.CharField(max_length=120, verbose_name='key')),
                ('kind', models.CharField(max_length=40)),
                ('object_id', models.PositiveBigIntegerField(null=True)),
                ('queue', models.CharField(choices=[('transactional', 'a person waits for it'), ('bulk', 'one of many')], default='transactional', max_length=16, verbose_name='queue')),
                ('recipient', models.EmailField(max_length=254, verbose_name='to')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], max_length=5, verbose_name='language')),
                ('subject', models.CharField(max_length=200, verbose_name='subject')),
                ('body_text', models.TextField(verbose_name='text')),
                ('body_html', models.TextField(verbose_name='HTML')),
                ('ics', models.TextField(blank=True, verbose_name='calendar part')),
                ('ics_method', models.CharField(blank=True, max_length=10, verbose_name='calendar method')),
                ('topic', models.CharField(blank=True, choices=[('invitations', 'Invitations'), ('reminders', 'Reminders'), ('news', 'News')], max_length=12)),
                ('unsubscribe_url', models.CharField(blank=True, max_length=200, verbose_name='where one unsubscribes')),
                ('attachment_kind', models.CharField(blank=True, max_length=40)),
                ('attachment_object_id', models.PositiveBigIntegerField(null=True)),
                ('attachment_name', models.CharField(blank=True, max_length=120, verbose_name='attachment')),
                ('state', models.CharField(choices=[('queued', 'queued'), ('sending', 'being sent'), ('sent', 'sent'), ('rejected', 'refused'), ('unknown', 'outcome unknown'), ('failed', 'given up')], default='queued', max_length=10, verbose_name='state')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('send_after', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='not before')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='not after')),
                ('retry_until', models.DateTimeField(db_default=django.db.models.expressions.CombinedExpression(django.db.models.functions.datetime.Now(), '+', models.Value(datetime.timedelta(days=1))), verbose_name='tried until')),
                ('claim_id', models.UUIDField(blank=True, null=True, verbose_name='claim')),
                ('claim_expires_at', models.DateTimeField(blank=True, null=True, verbose_name='claimed until')),
                ('handed_over_at', models.DateTimeField(blank=True, null=True, verbose_name='last handed to the mail server')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='written')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent')),
                ('bounced_at', models.DateTimeField(blank=True, null=True, verbose_name='bounced')),
                ('complained_at', models.DateTimeField(blank=True, null=True, verbose_name='marked as spam')),
                ('possible_duplicate', models.BooleanField(default=False, verbose_name='maybe sent more than once')),
                ('last_error', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('attachment_content_type', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contenttypes.contenttype')),
                ('content_type', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contenttypes.contenttype')),
                ('mailing', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='mail.mailing', verbose_name='mailing')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='SendRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('per_second', models.PositiveIntegerField(default=60, help_text='For invitations and reminders. Confirmations do not wait for it.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)], verbose_name='mails a second, at most')),
                ('next_at', models.DateTimeField(default=datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), editable=False)),
            ],
            options={
                'verbose_name': 'send rate',
                'verbose_name_plural': 'send rate',
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
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed')),
                ('changed_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='changed by')),
            ],
            options={
                'verbose_name': 'words of a mail',
                'verbose_name_plural': 'words of mail',
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
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('attachment_kind', ''), ('attachment_name', '')), models.Q(models.Q(('attachment_kind', ''), _negated=True), models.Q(('attachment_name', ''), _negated=True)), _connector='OR'), name='message_attachment_has_a_name'),
        ),
    ]
