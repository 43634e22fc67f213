import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
import imagine.core.links
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("core", "0002_trigram_extension"),
        ('mail', '0001_initial'),
        ('partners', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Audience',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True, verbose_name='name')),
                ('include_drafts', models.BooleanField(default=False, verbose_name='include pledges that aren’t signed yet')),
                ('sectors', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('business', 'Business and industry'), ('college', 'College or university'), ('labor', 'Labor'), ('nonprofit', 'Nonprofit'), ('faith', 'Faith-based'), ('families', 'Parents and families'), ('public', 'Public agency')], max_length=12), blank=True, default=list, size=None, verbose_name='sectors')),
                ('contact_scope', models.CharField(choices=[('primary', 'Main contact of each organization'), ('all', 'Every contact of each organization')], default='primary', max_length=8, verbose_name='contacts')),
                ('attendance', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('came', 'Attended'), ('no_show', 'No-show (had a seat)'), ('waitlisted', 'Stayed on the waitlist')], max_length=10), blank=True, default=list, size=None, verbose_name='attendance')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('pledge_year', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.pledgeyear', verbose_name='school year of pledge')),
                ('promise_types', models.ManyToManyField(blank=True, related_name='+', to='partners.promisetype', verbose_name='promise types')),
                ('schools', models.ManyToManyField(blank=True, related_name='+', to='partners.school', verbose_name='schools')),
                ('uploaded_contacts', models.ManyToManyField(blank=True, related_name='+', to='partners.contact', verbose_name='people from an uploaded list')),
            ],
            options={
                'verbose_name': 'audience',
                'verbose_name_plural': 'audiences',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='LinkRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='ContactListUpload',
            fields=[
                ('audience', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='upload', serialize=False, to='summit.audience', verbose_name='audience')),
                ('file', models.BinaryField(verbose_name='file')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('uploaded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='uploaded')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5)),
                ('state', models.CharField(choices=[('reading', 'Reading file'), ('rejected', 'This file can’t be used'), ('checked', 'Needs review'), ('adding', 'Adding people')], default='reading', max_length=8, verbose_name='status')),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='How often a worker has tried the current step.')),
                ('last_step_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When a worker last worked on it.')),
                ('rejection_reason', models.TextField(blank=True, verbose_name='reason')),
                ('options', models.JSONField(default=dict, help_text='What staff chose: the sheet, the columns, hidden rows.')),
                ('format', models.JSONField(default=dict, help_text='How the file was read: kind, encoding, delimiter, columns.')),
            ],
            options={
                'verbose_name': 'uploaded list',
                'verbose_name_plural': 'uploaded lists',
            },
        ),
        migrations.CreateModel(
            name='DateAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('verified_at', models.DateTimeField(editable=False, null=True, verbose_name='address verified')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='email')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='asked')),
                ('answered_at', models.DateTimeField(editable=False, null=True, verbose_name='link emailed')),
                ('told_at', models.DateTimeField(editable=False, null=True, verbose_name='told')),
            ],
            options={
                'verbose_name': 'date alert',
                'verbose_name_plural': 'date alerts',
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='datealert_email_in_lower_case'), models.CheckConstraint(condition=models.Q(('told_at__isnull', True), ('verified_at__isnull', False), _connector='OR'), name='datealert_told_only_if_verified')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('summit', 'Summit'), ('kickoff', 'Kickoff'), ('gathering', 'Gathering')], default='summit', max_length=12, verbose_name='event type')),
                ('title', models.CharField(max_length=120, verbose_name='title')),
                ('title_es', models.CharField(blank=True, max_length=120, verbose_name='Spanish title')),
                ('slug', models.SlugField(max_length=60, unique=True, verbose_name='web address')),
                ('school_year', models.PositiveSmallIntegerField(help_text='The year it starts in: 2027 for 2027–28. For a spring summit, use the year it recruits partners for.', validators=[django.core.validators.MinValueValidator(2018), django.core.validators.MaxValueValidator(2100)], verbose_name='school year')),
                ('starts_at', models.DateTimeField(verbose_name='starts')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('venue', models.CharField(max_length=120, verbose_name='venue')),
                ('address', models.CharField(max_length=200, verbose_name='street and city')),
                ('meal', models.CharField(blank=True, choices=[('', 'None'), ('breakfast', 'Breakfast'), ('lunch', 'Lunch'), ('refreshments', 'Refreshments')], default='breakfast', max_length=12, verbose_name='meal')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('description_es', models.TextField(blank=True, verbose_name='Spanish description')),
                ('capacity', models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(20000)], verbose_name='capacity')),
                ('reserved_seats', models.PositiveIntegerField(default=0, help_text='Not offered to the public, such as seats for speakers and district staff.', validators=[django.core.validators.MaxValueValidator(20000)], verbose_name='reserved seats')),
                ('max_party_size', models.PositiveSmallIntegerField(default=6, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(20)], verbose_name='maximum party size')),
                ('rsvp_opens_at', models.DateTimeField(verbose_name='RSVPs open')),
                ('rsvp_closes_at', models.DateTimeField(verbose_name='RSVPs close')),
                ('waitlist_closes_hours_before', models.PositiveSmallIntegerField(default=12, help_text='After that, no one moves off the waitlist automatically. Open seats go to whoever asks first.', validators=[django.core.validators.MaxValueValidator(336)], verbose_name='waitlist closes (hours before start)')),
                ('is_published', models.BooleanField(default=False, verbose_name='published')),
                ('invitation_only', models.BooleanField(db_default=False, default=False, help_text='The event page has no RSVP form. Invited guests RSVP with the link in their invitation.', verbose_name='by invitation only')),
                ('canceled_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='canceled')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('notices_pending_since', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'ordering': ['-starts_at', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='event_ends_after_it_starts', violation_error_message='Choose an end time after the event starts.'), models.CheckConstraint(condition=models.Q(('rsvp_closes_at__gt', models.F('rsvp_opens_at'))), name='event_rsvp_closes_after_it_opens', violation_error_message='Choose a closing time after RSVPs open.'), models.CheckConstraint(condition=models.Q(('rsvp_closes_at__lte', models.F('ends_at'))), name='event_rsvp_closes_by_its_end', violation_error_message='RSVPs can’t stay open after the event ends. Choose an earlier time.'), models.CheckConstraint(condition=models.Q(('max_party_size__gte', 1), ('max_party_size__lte', 20)), name='event_max_party_size_in_bounds', violation_error_message='The maximum party size is too small or too large.'), models.CheckConstraint(condition=models.Q(('capacity__lte', 20000)), name='event_capacity_in_bounds', violation_error_message='The capacity is too large.')],
            },
        ),
        migrations.AddField(
            model_name='audience',
            name='attended_event',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='summit.event', verbose_name='event'),
        ),
        migrations.CreateModel(
            name='Rsvp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('verified_at', models.DateTimeField(editable=False, null=True, verbose_name='address verified')),
                ('browser_token', models.CharField(editable=False, max_length=32, null=True, unique=True)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email')),
                ('phone', models.CharField(blank=True, max_length=30, verbose_name='phone')),
                ('organization_name', models.CharField(blank=True, max_length=120, verbose_name='organization')),
                ('sector', models.CharField(blank=True, choices=[('business', 'Business and industry'), ('college', 'College or university'), ('labor', 'Labor'), ('nonprofit', 'Nonprofit'), ('faith', 'Faith-based'), ('families', 'Parents and families'), ('public', 'Public agency')], max_length=12, verbose_name='sector')),
                ('no_organization', models.BooleanField(db_default=False, default=False, editable=False, verbose_name='not a partner')),
                ('normalized_organization_name', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.NullIf(django.db.models.functions.text.Trim(models.Func(django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('organization_name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('(^| )((the|and|of|inc|incorporated|llc|ltd|corp|corporation|company|co)( |$))+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('')), django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('organization_name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), output_field=models.TextField()), output_field=models.TextField())),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('source', models.CharField(choices=[('web', 'Event page'), ('invited', 'Invitation'), ('staff', 'Staff')], default='web', max_length=8, verbose_name='source')),
                ('note', models.TextField(blank=True, max_length=1000, verbose_name='note')),
                ('party_dietary_needs', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='food needs of anyone in the party')),
                ('party_accessibility_needs', models.CharField(blank=True, db_default='', default='', max_length=200, verbose_name='access or language needs of anyone in the party')),
                ('accepts_partial', models.BooleanField(default=False, help_text='Takes the available seats now and waits for the rest.', verbose_name='accepts fewer seats')),
                ('held_seats', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='confirmed seats')),
                ('waitlisted_seats', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='waitlisted seats')),
                ('waitlisted_since', models.DateTimeField(editable=False, null=True, verbose_name='waitlisted since')),
                ('overbooked_seats', models.PositiveSmallIntegerField(default=0, editable=False, help_text='Confirmed by staff when no seats were available.', verbose_name='seats over capacity')),
                ('canceled_at', models.DateTimeField(editable=False, null=True, verbose_name='canceled')),
                ('skipped_at', models.DateTimeField(editable=False, help_text='The last time a later party got seats because this one needs more.', null=True, verbose_name='skipped')),
                ('canceled_late', models.BooleanField(default=False, editable=False, verbose_name='canceled late')),
                ('browser_hash', models.CharField(blank=True, editable=False, max_length=64)),
                ('ics_uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('ics_sequence', models.PositiveIntegerField(default=0, editable=False)),
                ('notified_version', models.CharField(blank=True, db_default='', default='', editable=False, max_length=16)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('anonymized_at', models.DateTimeField(editable=False, null=True, verbose_name='personal data removed')),
                ('search_text', models.GeneratedField(db_persist=True, expression=models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.Func(models.F('name'), models.F('email'), models.F('organization_name'), arg_joiner=" || ' ' || ", output_field=models.TextField(), template='(%(expressions)s)'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’ʼ]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), output_field=models.TextField())),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rsvps', to='summit.event', verbose_name='event')),
                ('organization', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='rsvps', to='partners.organization', verbose_name='partner')),
            ],
            options={
                'verbose_name': 'RSVP',
                'verbose_name_plural': 'RSVPs',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('verified_at', models.DateTimeField(editable=False, null=True, verbose_name='address verified')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('emailed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='email created')),
                ('notified_version', models.CharField(blank=True, editable=False, max_length=16)),
                ('previous_notified_version', models.CharField(blank=True, editable=False, max_length=16)),
                ('declined_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='declined')),
                ('decline_message', models.CharField(blank=True, editable=False, max_length=500, verbose_name='message')),
                ('contact', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='partners.contact', verbose_name='contact')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='summit.event', verbose_name='event')),
                ('mailing', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='mail.mailing', verbose_name='mailing')),
                ('rsvp', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='invitation', to='summit.rsvp', verbose_name='RSVP')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Guest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(editable=False, verbose_name='position')),
                ('name', models.CharField(blank=True, max_length=100, verbose_name='name')),
                ('dietary_needs', models.CharField(blank=True, max_length=200, verbose_name='food needs')),
                ('accessibility_needs', models.CharField(blank=True, max_length=200, verbose_name='access or language needs')),
                ('checked_in_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='checked in')),
                ('search_text', models.GeneratedField(db_persist=True, expression=models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’ʼ]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), output_field=models.TextField())),
                ('rsvp', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='guests', to='summit.rsvp', verbose_name='RSVP')),
            ],
            options={
                'verbose_name': 'guest',
                'verbose_name_plural': 'guests',
                'ordering': ['rsvp', 'position'],
                'permissions': [('view_needs', 'Can see food, access, and language needs')],
            },
        ),
        migrations.CreateModel(
            name='StaffEmail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('statuses', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('confirmed', 'Confirmed'), ('waitlisted', 'Waitlisted'), ('attended', 'Attended'), ('no_show', 'No-show'), ('invited', 'Invited, no answer yet')], max_length=10), default=list, size=None, verbose_name='guests to email')),
                ('subject', models.CharField(max_length=150, verbose_name='subject')),
                ('text', models.TextField(max_length=8000, verbose_name='text')),
                ('subject_es', models.CharField(blank=True, max_length=150, verbose_name='Spanish subject')),
                ('text_es', models.TextField(blank=True, max_length=8000, verbose_name='Spanish text')),
                ('attachment', models.BinaryField(default=bytes, verbose_name='attachment')),
                ('attachment_name', models.CharField(blank=True, editable=False, max_length=120, verbose_name='attachment')),
                ('written_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='last changed by')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='last changed')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='staff_emails', to='summit.event', verbose_name='event')),
                ('mailing', models.OneToOneField(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='staff_email', to='mail.mailing', verbose_name='mailing')),
            ],
            options={
                'verbose_name': 'email to guests',
                'verbose_name_plural': 'emails to guests',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='StaffEmailRecipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('written_at', models.DateTimeField(null=True)),
                ('invitation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='summit.invitation')),
                ('rsvp', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='summit.rsvp')),
                ('staff_email', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recipients', to='summit.staffemail')),
            ],
            options={
                'verbose_name': 'recipient',
                'verbose_name_plural': 'recipients',
            },
        ),
        migrations.CreateModel(
            name='UploadedPerson',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField(verbose_name='row')),
                ('status', models.CharField(choices=[('existing', 'Existing contact'), ('new', 'New person'), ('error', 'Error'), ('repeated', 'Listed twice'), ('opted_out', 'Unsubscribed or bouncing'), ('declined', 'Doesn’t want email')], max_length=9, verbose_name='status')),
                ('email', models.TextField(help_text='Or what the row says, if it has an error.', verbose_name='email')),
                ('name', models.TextField(blank=True, verbose_name='name')),
                ('organization', models.TextField(blank=True, verbose_name='organization')),
                ('language', models.CharField(blank=True, max_length=5, verbose_name='language')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='people', to='summit.contactlistupload')),
            ],
        ),
        migrations.CreateModel(
            name='EventVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.CharField(max_length=16)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('venue', models.CharField(max_length=120)),
                ('address', models.CharField(max_length=200)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='summit.event')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('event', 'version'), name='event_version_once')],
            },
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('week', 'One week before'), ('day', 'One day before'), ('names', 'Missing guest names'), ('thanks', 'Thank-you'), ('unanswered', 'Unanswered invitation')], max_length=12, verbose_name='type')),
                ('event_date', models.DateField(verbose_name='event date')),
                ('completed_at', models.DateTimeField(blank=True, null=True, verbose_name='completed')),
                ('too_late', models.BooleanField(default=False, verbose_name='too late to be useful')),
                ('recipient_count', models.PositiveIntegerField(default=0, verbose_name='recipients')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reminders', to='summit.event', verbose_name='event')),
                ('messages', models.ManyToManyField(editable=False, to='mail.message')),
            ],
            options={
                'verbose_name': 'reminder',
                'verbose_name_plural': 'reminders',
                'ordering': ['-event_date', 'kind'],
                'constraints': [models.UniqueConstraint(fields=('event', 'kind', 'event_date'), name='reminder_once_per_event_and_date')],
            },
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(condition=models.Q(('waitlisted_seats__gt', 0)), fields=['event', 'waitlisted_since'], name='rsvp_waitlist'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(fields=['-created_at', '-id'], name='rsvp_newest'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(condition=models.Q(('no_organization', False), ('organization__isnull', True), models.Q(('organization_name', ''), _negated=True)), fields=['normalized_organization_name', 'created_at'], name='rsvp_to_match'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=django.contrib.postgres.indexes.GinIndex(fields=['search_text'], name='rsvp_search', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.UniqueConstraint(models.F('event'), django.db.models.functions.comparison.NullIf(django.db.models.functions.text.Lower('email'), models.Value('')), name='rsvp_one_per_email_and_event', violation_error_message='This email already has an RSVP for this event.'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('canceled_at__isnull', True), ('held_seats__gte', 0), ('waitlisted_seats__gte', 0), models.Q(('held_seats__gt', 0), ('waitlisted_seats__gt', 0), _connector='OR')), models.Q(('canceled_at__isnull', False), ('held_seats', 0), ('waitlisted_seats', 0)), _connector='OR'), name='rsvp_has_seats_unless_canceled'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('waitlisted_seats', 0), ('waitlisted_since__isnull', True)), models.Q(('waitlisted_seats__gt', 0), ('waitlisted_since__isnull', False)), _connector='OR'), name='rsvp_waitlisted_since_iff_waitlisted'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(('overbooked_seats__lte', models.F('held_seats'))), name='rsvp_overbooked_within_held'),
        ),
        migrations.AddIndex(
            model_name='invitation',
            index=models.Index(condition=models.Q(('emailed_at__isnull', True)), fields=['mailing', 'id'], name='invitation_to_write'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(fields=('contact', 'event'), name='invitation_one_per_contact_and_event'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('decline_message', ''), ('declined_at__isnull', False), _connector='OR'), name='invitation_decline_message_only_when_declined'),
        ),
        migrations.AddIndex(
            model_name='guest',
            index=django.contrib.postgres.indexes.GinIndex(fields=['search_text'], name='guest_search', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddConstraint(
            model_name='guest',
            constraint=models.UniqueConstraint(deferrable=django.db.models.constraints.Deferrable['DEFERRED'], fields=('rsvp', 'position'), name='guest_position_once'),
        ),
        migrations.AddConstraint(
            model_name='guest',
            constraint=models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='guest_position_from_one'),
        ),
        migrations.AddConstraint(
            model_name='staffemail',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('subject_es', ''), ('text_es', '')), models.Q(models.Q(('subject_es', ''), _negated=True), models.Q(('text_es', ''), _negated=True)), _connector='OR'), name='staff_email_spanish_whole', violation_error_message='Enter both the Spanish subject and the Spanish text, or neither.'),
        ),
        migrations.AddIndex(
            model_name='staffemailrecipient',
            index=models.Index(condition=models.Q(('written_at__isnull', True)), fields=['staff_email', 'id'], name='staff_email_to_write'),
        ),
        migrations.AddConstraint(
            model_name='staffemailrecipient',
            constraint=models.UniqueConstraint(fields=('staff_email', 'rsvp'), name='staff_email_once_per_party'),
        ),
        migrations.AddConstraint(
            model_name='staffemailrecipient',
            constraint=models.UniqueConstraint(fields=('staff_email', 'invitation'), name='staff_email_once_per_invitation'),
        ),
        migrations.AddConstraint(
            model_name='staffemailrecipient',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('invitation__isnull', True), ('rsvp__isnull', False)), models.Q(('invitation__isnull', False), ('rsvp__isnull', True)), _connector='OR'), name='staff_email_recipient_one_of_two'),
        ),
        migrations.AddIndex(
            model_name='uploadedperson',
            index=models.Index(fields=['upload', 'status', 'line'], name='uploadedperson_by_status'),
        ),
    ]
