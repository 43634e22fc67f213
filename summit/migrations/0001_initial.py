
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.constraints
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
import imagine.core.models
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
                ('with_drafts', models.BooleanField(default=False, verbose_name='also pledges that are not signed yet')),
                ('sectors', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('business', 'Business and industry'), ('college', 'College or university'), ('labor', 'Labor'), ('nonprofit', 'Nonprofit'), ('faith', 'Faith-based'), ('families', 'Parents and families'), ('public', 'Public agency')], max_length=12), blank=True, default=list, size=None, verbose_name='of the sectors')),
                ('reach', models.CharField(choices=[('main', 'the main contact of each'), ('all', 'every contact of each')], default='main', max_length=4, verbose_name='who of them')),
                ('guests_who', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('came', 'came'), ('absent', 'had a seat and did not come'), ('waiting', 'were on the waiting list')], max_length=8), blank=True, default=list, size=None, verbose_name='those who')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='made')),
                ('kinds', models.ManyToManyField(blank=True, related_name='+', to='partners.promisetype', verbose_name='with a promise of')),
                ('listed', models.ManyToManyField(blank=True, related_name='+', to='partners.contact', verbose_name='from a list')),
                ('pledge_year', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.pledgeyear', verbose_name='with a pledge for')),
                ('schools', models.ManyToManyField(blank=True, related_name='+', to='partners.school', verbose_name='with a promise for')),
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
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='SentList',
            fields=[
                ('audience', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='sent_list', serialize=False, to='summit.audience', verbose_name='audience')),
                ('file', models.BinaryField(verbose_name='file')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('sent_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='sent')),
            ],
            options={
                'verbose_name': 'list that was sent',
                'verbose_name_plural': 'lists that were sent',
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('summit', 'summit'), ('kickoff', 'kick-off'), ('gathering', 'gathering')], default='summit', max_length=12, verbose_name='kind')),
                ('title', models.CharField(max_length=120, verbose_name='title')),
                ('title_es', models.CharField(blank=True, max_length=120, verbose_name='title in Spanish')),
                ('slug', models.SlugField(max_length=60, unique=True, verbose_name='web address')),
                ('school_year', models.PositiveSmallIntegerField(help_text='The year it begins in: 2019 for 2019–20. A spring summit belongs to the year it recruits for.', validators=[django.core.validators.MinValueValidator(2018), django.core.validators.MaxValueValidator(2100)], verbose_name='school year')),
                ('starts_at', models.DateTimeField(verbose_name='starts')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('venue', models.CharField(max_length=120, verbose_name='venue')),
                ('address', models.CharField(max_length=200, verbose_name='street and city')),
                ('meal', models.CharField(blank=True, choices=[('', 'none'), ('breakfast', 'breakfast'), ('lunch', 'lunch'), ('refreshments', 'refreshments')], default='breakfast', max_length=12, verbose_name='meal')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('description_es', models.TextField(blank=True, verbose_name='description in Spanish')),
                ('capacity', models.PositiveIntegerField(validators=[django.core.validators.MaxValueValidator(20000)], verbose_name='capacity')),
                ('reserved_seats', models.PositiveIntegerField(default=0, help_text='Kept out of public reach, for speakers and the district.', validators=[django.core.validators.MaxValueValidator(20000)], verbose_name='reserved seats')),
                ('largest_party', models.PositiveSmallIntegerField(default=6, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(20)], verbose_name='largest party')),
                ('rsvp_opens_at', models.DateTimeField(verbose_name='RSVP opens')),
                ('rsvp_closes_at', models.DateTimeField(verbose_name='RSVP closes')),
                ('promotion_stops_hours', models.PositiveSmallIntegerField(default=12, help_text='After that nobody is called up from the waiting list unasked; free seats are for walk-ins.', validators=[django.core.validators.MaxValueValidator(336)], verbose_name='promotion stops, hours before the start')),
                ('is_published', models.BooleanField(default=False, verbose_name='published')),
                ('invited_only', models.BooleanField(db_default=False, default=False, help_text='Its page shows no form: whoever is invited answers by the link in the invitation.', verbose_name='for invited partners only')),
                ('cancelled_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='cancelled')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now, editable=False, verbose_name='made')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
                'ordering': ['-starts_at', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='event_ends_after_it_starts', violation_error_message='An event ends after it starts.'), models.CheckConstraint(condition=models.Q(('rsvp_closes_at__gt', models.F('rsvp_opens_at'))), name='event_rsvp_closes_after_it_opens', violation_error_message='RSVP closes after it opens.'), models.CheckConstraint(condition=models.Q(('rsvp_closes_at__lte', models.F('ends_at'))), name='event_rsvp_closes_by_its_end', violation_error_message='RSVP closes before the event is over.'), models.CheckConstraint(condition=models.Q(('largest_party__gte', 1), ('largest_party__lte', 20)), name='event_largest_party_in_bounds', violation_error_message='The largest party is too small or too large.'), models.CheckConstraint(condition=models.Q(('capacity__lte', 20000)), name='event_capacity_in_bounds', violation_error_message='No room in Stockton holds that many.')],
            },
        ),
        migrations.AddField(
            model_name='audience',
            name='guests_of',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='summit.event', verbose_name='guests of'),
        ),
        migrations.CreateModel(
            name='Rsvp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('phone', models.CharField(blank=True, max_length=30, verbose_name='phone')),
                ('organization', models.CharField(blank=True, max_length=120, verbose_name='organization')),
                ('sector', models.CharField(blank=True, choices=[('business', 'Business and industry'), ('college', 'College or university'), ('labor', 'Labor'), ('nonprofit', 'Nonprofit'), ('faith', 'Faith-based'), ('families', 'Parents and families'), ('public', 'Public agency')], max_length=12, verbose_name='sector')),
                ('has_no_partner', models.BooleanField(db_default=False, default=False, editable=False, help_text='Staff said so.', verbose_name='belongs to no partner')),
                ('folded_organization', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.NullIf(django.db.models.functions.text.Trim(models.Func(django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('organization'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('(^| )((the|and|of|inc|incorporated|llc|ltd|corp|corporation|company|co)( |$))+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('')), django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('organization'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), output_field=models.TextField()), output_field=models.TextField())),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('source', models.CharField(choices=[('web', 'the public page'), ('invited', 'an invitation'), ('staff', 'staff')], default='web', max_length=8, verbose_name='where it came from')),
                ('note', models.TextField(blank=True, max_length=1000, verbose_name='note')),
                ('accepts_fewer', models.BooleanField(default=False, help_text='Takes what is free and waits for the rest.', verbose_name='fewer seats are fine')),
                ('held_seats', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='held seats')),
                ('waiting_seats', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='waiting seats')),
                ('waiting_since', models.DateTimeField(editable=False, null=True, verbose_name='waiting since')),
                ('seats_over', models.PositiveSmallIntegerField(default=0, editable=False, help_text='Given by staff although none was free.', verbose_name='seats beyond the room')),
                ('cancelled_at', models.DateTimeField(editable=False, null=True, verbose_name='cancelled')),
                ('passed_over_at', models.DateTimeField(editable=False, help_text='A later party was seated, as this one did not fit.', null=True, verbose_name='passed over')),
                ('cancelled_late', models.BooleanField(default=False, editable=False, verbose_name='cancelled late')),
                ('token', models.CharField(default=imagine.core.models.new_token, editable=False, max_length=32, unique=True)),
                ('browser', models.CharField(blank=True, editable=False, max_length=64)),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('sequence', models.PositiveIntegerField(default=0, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='made')),
                ('folded_words', models.GeneratedField(db_persist=True, expression=models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.Func(models.F('name'), models.F('email'), models.F('organization'), arg_joiner=" || ' ' || ", output_field=models.TextField(), template='(%(expressions)s)'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’ʼ]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), output_field=models.TextField())),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rsvps', to='summit.event', verbose_name='event')),
                ('partner', models.ForeignKey(editable=False, help_text='Which organization it is; matching.py says so.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='rsvps', to='partners.organization', verbose_name='partner')),
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
                ('token', models.CharField(default=imagine.core.models.new_token, editable=False, max_length=32, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='made')),
                ('written_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='mail written')),
                ('told', models.CharField(blank=True, editable=False, max_length=16)),
                ('told_before', models.CharField(blank=True, editable=False, max_length=16)),
                ('declined_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='declined')),
                ('word', models.CharField(blank=True, editable=False, max_length=500, verbose_name='a word with it')),
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
                ('diet', models.CharField(blank=True, max_length=200, verbose_name='food needs')),
                ('access', models.CharField(blank=True, max_length=200, verbose_name='access or language needs')),
                ('arrived_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='came')),
                ('folded_words', models.GeneratedField(db_persist=True, expression=models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’ʼ]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), output_field=models.TextField())),
                ('rsvp', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='guests', to='summit.rsvp', verbose_name='RSVP')),
            ],
            options={
                'verbose_name': 'guest',
                'verbose_name_plural': 'guests',
                'ordering': ['rsvp', 'position'],
            },
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('week', 'a week before'), ('day', 'a day before'), ('names', 'names still missing'), ('thanks', 'thank you, after it'), ('unanswered', 'invitation not answered')], max_length=12, verbose_name='what')),
                ('day', models.DateField(verbose_name='for the event on')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='done')),
                ('too_late', models.BooleanField(default=False, verbose_name='too late to help, so not sent')),
                ('count', models.PositiveIntegerField(default=0, verbose_name='people written to')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reminders', to='summit.event', verbose_name='event')),
            ],
            options={
                'verbose_name': 'reminder',
                'verbose_name_plural': 'reminders',
                'ordering': ['-day', 'kind'],
                'constraints': [models.UniqueConstraint(fields=('event', 'kind', 'day'), name='reminder_once_per_event_and_day')],
            },
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(condition=models.Q(('waiting_seats__gt', 0)), fields=['event', 'waiting_since'], name='rsvp_waiting_list'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(fields=['-created_at', '-id'], name='rsvp_newest'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=models.Index(condition=models.Q(('has_no_partner', False), ('partner__isnull', True), models.Q(('organization', ''), _negated=True)), fields=['folded_organization', 'created_at'], name='rsvp_to_match'),
        ),
        migrations.AddIndex(
            model_name='rsvp',
            index=django.contrib.postgres.indexes.GinIndex(fields=['folded_words'], name='rsvp_folded', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.UniqueConstraint(models.F('event'), django.db.models.functions.text.Lower('email'), name='rsvp_one_per_email_and_event', violation_error_message='This address has an RSVP for this event already.'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cancelled_at__isnull', True), ('held_seats__gte', 0), ('waiting_seats__gte', 0), models.Q(('held_seats__gt', 0), ('waiting_seats__gt', 0), _connector='OR')), models.Q(('cancelled_at__isnull', False), ('held_seats', 0), ('waiting_seats', 0)), _connector='OR'), name='rsvp_has_seats_unless_cancelled'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('waiting_seats', 0), ('waiting_since__isnull', True)), models.Q(('waiting_seats__gt', 0), ('waiting_since__isnull', False)), _connector='OR'), name='rsvp_waits_since_when'),
        ),
        migrations.AddConstraint(
            model_name='rsvp',
            constraint=models.CheckConstraint(condition=models.Q(('seats_over__lte', models.F('held_seats'))), name='rsvp_over_within_held'),
        ),
        migrations.AddIndex(
            model_name='invitation',
            index=models.Index(condition=models.Q(('written_at__isnull', True)), fields=['mailing', 'id'], name='invitation_to_write'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(fields=('contact', 'event'), name='invitation_one_per_contact_and_event'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('word', ''), ('declined_at__isnull', False), _connector='OR'), name='invitation_word_only_when_declined'),
        ),
        migrations.AddIndex(
            model_name='guest',
            index=django.contrib.postgres.indexes.GinIndex(fields=['folded_words'], name='guest_folded', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddConstraint(
            model_name='guest',
            constraint=models.UniqueConstraint(deferrable=django.db.models.constraints.Deferrable['DEFERRED'], fields=('rsvp', 'position'), name='guest_position_once'),
        ),
        migrations.AddConstraint(
            model_name='guest',
            constraint=models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='guest_position_from_one'),
        ),
    ]
