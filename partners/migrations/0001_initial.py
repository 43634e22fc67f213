import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
import imagine.core.links
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("core", "0002_trigram_extension"),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('role', models.CharField(blank=True, max_length=100, verbose_name='role')),
                ('email', models.EmailField(max_length=254, verbose_name='email')),
                ('phone', models.CharField(blank=True, max_length=30, verbose_name='phone')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('is_primary', models.BooleanField(default=False, verbose_name='main contact')),
                ('may_open_pledge', models.BooleanField(db_default=True, default=True, help_text='Can get the organization’s personal pledge link by email.', verbose_name='can open the pledge')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='added on')),
            ],
            options={
                'verbose_name': 'contact',
                'verbose_name_plural': 'contacts',
                'ordering': ['organization', '-is_primary', 'name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='DirectoryVersion',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                'verbose_name': 'directory version',
                'verbose_name_plural': 'directory versions',
            },
        ),
        migrations.CreateModel(
            name='DuplicateCandidate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('score', models.PositiveSmallIntegerField(help_text='Out of 100.', verbose_name='match')),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('name', 'same name'), ('similar_name', 'similar name'), ('email', 'same email address'), ('email_domain', 'same email domain'), ('website', 'same website')], max_length=12), size=None, verbose_name='why they match')),
                ('dismissed_at', models.DateTimeField(blank=True, null=True, verbose_name='marked not duplicates on')),
                ('dismissed_by', models.CharField(blank=True, max_length=150, verbose_name='marked by')),
            ],
            options={
                'verbose_name': 'possible duplicate',
                'verbose_name_plural': 'possible duplicates',
                'ordering': ['-score', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='DuplicateScan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scanned_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('fingerprint', models.CharField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_name', models.CharField(max_length=200, verbose_name='file')),
                ('created_by', models.CharField(max_length=150, verbose_name='uploaded by')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='uploaded on')),
                ('last_step_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When a worker last worked on it.')),
                ('completed_at', models.DateTimeField(null=True, verbose_name='imported on')),
                ('state', models.CharField(choices=[('reading', 'Reading file'), ('rejected', 'Rejected'), ('checked', 'Needs review'), ('writing', 'Importing'), ('done', 'Imported'), ('undoing', 'Undoing'), ('undone', 'Undone'), ('discarded', 'Discarded')], default='reading', max_length=9, verbose_name='status')),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='How often a worker has tried the current step.')),
                ('file', models.BinaryField(null=True)),
                ('rejection_reason', models.TextField(blank=True, verbose_name='reason')),
                ('options', models.JSONField(default=dict, help_text='What staff chose: the sheet, hidden rows.')),
                ('format', models.JSONField(default=dict, help_text='How the file was read: kind, encoding, delimiter, columns.')),
                ('row_count', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('error_count', models.PositiveIntegerField(default=0, verbose_name='rows with errors')),
                ('steps', models.PositiveIntegerField(default=0, help_text='Organizations to write, or records to undo.')),
                ('steps_done', models.PositiveIntegerField(default=0)),
                ('counts', models.JSONField(default=dict, help_text='How many records were created, matched, skipped or undone.')),
                ('not_undone', models.JSONField(default=list, help_text='What undoing left in place, and why.')),
            ],
            options={
                'verbose_name': 'import',
                'verbose_name_plural': 'imports',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='LearnedWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('contacts', 'Column heading in lists of people'), ('promises', 'Column heading in lists of promises'), ('type', 'Promise type'), ('school', 'School')], max_length=8, verbose_name='where it’s used')),
                ('word', models.CharField(help_text='As it was written.', max_length=200, verbose_name='word')),
                ('plain_word', models.CharField(help_text='Without case, accents, punctuation and spaces.', max_length=200)),
                ('field', models.CharField(blank=True, help_text='Of a heading. Empty for columns to skip.', max_length=20)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='learned on')),
            ],
            options={
                'verbose_name': 'learned word',
                'verbose_name_plural': 'learned words',
                'ordering': ['kind', 'plain_word'],
            },
        ),
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('sector', models.CharField(blank=True, choices=[('business', 'Business and industry'), ('college', 'College or university'), ('labor', 'Labor'), ('nonprofit', 'Nonprofit'), ('faith', 'Faith-based'), ('families', 'Parents and families'), ('public', 'Public agency')], max_length=12, verbose_name='sector')),
                ('description', models.TextField(blank=True, max_length=1000, verbose_name='description')),
                ('website', models.URLField(blank=True, verbose_name='website')),
                ('phone', models.CharField(blank=True, max_length=30, verbose_name='phone')),
                ('address', models.CharField(blank=True, max_length=200, verbose_name='street address')),
                ('size', models.CharField(blank=True, choices=[('few', '1 to 9 people'), ('some', '10 to 49 people'), ('many', '50 to 249 people'), ('hundreds', '250 people or more')], max_length=8, verbose_name='size')),
                ('wants_listing', models.BooleanField(default=False, help_text='The profile appears in the public directory once it’s approved and a pledge is signed.', verbose_name='wants to be listed')),
                ('approved_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='approved')),
                ('approved_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='approved by')),
                ('links_replaced_at', models.DateTimeField(editable=False, null=True)),
                ('slug', models.SlugField(max_length=60, unique=True, verbose_name='web address')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='added on')),
                ('normalized_name', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.NullIf(django.db.models.functions.text.Trim(models.Func(django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('(^| )((the|and|of|inc|incorporated|llc|ltd|corp|corporation|company|co)( |$))+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), models.Value('')), django.db.models.functions.text.Trim(models.Func(models.Func(django.db.models.functions.text.Lower(models.Func(models.Func(models.F('name'), models.Value('ĐđØøŁł'), models.Value('DdOoLl'), function='TRANSLATE', output_field=models.TextField()), output_field=models.TextField(), template='NORMALIZE(%(expressions)s, NFKD)')), models.Value("[̀-ͯ'`‘’]"), models.Value(''), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField()), models.Value('[\\s!-/:-@\\[-_{-~\\u00a1-\\u00bf\\u2010-\\u2027]+'), models.Value(' '), models.Value('g'), function='REGEXP_REPLACE', output_field=models.TextField())), output_field=models.TextField()), output_field=models.TextField(), verbose_name='name for matching')),
            ],
            options={
                'verbose_name': 'organization',
                'verbose_name_plural': 'organizations',
                'ordering': ['name', 'pk'],
                'permissions': [('merge_organizations', 'Can merge organizations')],
            },
        ),
        migrations.CreateModel(
            name='Pledge',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('verified_at', models.DateTimeField(editable=False, null=True, verbose_name='address verified')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('version', models.PositiveIntegerField(default=1, editable=False, verbose_name='version')),
                ('signed_by', models.CharField(blank=True, editable=False, max_length=100, verbose_name='signed by')),
                ('signed_role', models.CharField(blank=True, editable=False, max_length=100, verbose_name='signer’s role')),
                ('signed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='signed on')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='started on')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed')),
                ('reminded_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='reminded on')),
            ],
            options={
                'verbose_name': 'pledge',
                'verbose_name_plural': 'pledges',
                'ordering': ['-year_id', '-changed_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='PledgeRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.CharField(default=imagine.core.links.new_token, editable=False, max_length=32, unique=True)),
                ('verified_at', models.DateTimeField(editable=False, null=True, verbose_name='address verified')),
                ('browser_token', models.CharField(editable=False, max_length=32, null=True, unique=True)),
                ('organization', models.CharField(max_length=120, verbose_name='organization')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('email', models.EmailField(max_length=254, verbose_name='email')),
                ('language', models.CharField(choices=[('en', 'English'), ('es', 'Español')], default='en', max_length=5, verbose_name='language')),
                ('sector', models.CharField(blank=True, max_length=12)),
                ('role', models.CharField(blank=True, default='', max_length=100)),
                ('phone', models.CharField(blank=True, default='', max_length=30)),
                ('source', models.CharField(blank=True, max_length=40)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='PledgeYear',
            fields=[
                ('school_year', models.PositiveSmallIntegerField(error_messages={'unique': 'This school year already exists.'}, help_text='The year it starts: 2027 for 2027–28.', primary_key=True, serialize=False, validators=[django.core.validators.MinValueValidator(2018), django.core.validators.MaxValueValidator(2100)], verbose_name='school year')),
                ('opens_on', models.DateField(verbose_name='opens on')),
                ('announced_deadline', models.DateField(blank=True, help_text='The date partners see. The school year stays open until you close it.', null=True, verbose_name='announced deadline')),
                ('closed_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='closed on')),
            ],
            options={
                'verbose_name': 'school year',
                'verbose_name_plural': 'school years',
                'ordering': ['-school_year'],
            },
        ),
        migrations.CreateModel(
            name='Promise',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(db_default=1, default=1, editable=False, verbose_name='position')),
                ('quantity', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)], verbose_name='quantity')),
                ('grades', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('TK-K', 'TK–K'), ('1-3', '1–3'), ('4-6', '4–6'), ('7-8', '7–8'), ('9-12', '9–12')], max_length=4), blank=True, default=list, size=None, verbose_name='grades')),
                ('months', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=list, size=None, verbose_name='months')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
            ],
            options={
                'verbose_name': 'promise',
                'verbose_name_plural': 'promises',
                'ordering': ['pledge_id', 'promise_type__order', 'promise_type_id', 'position'],
            },
        ),
        migrations.CreateModel(
            name='PromiseType',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(error_messages={'unique': 'Another promise type already has this code.'}, help_text='A short word. You can’t change it later.', max_length=30, unique=True, verbose_name='code')),
                ('order', models.PositiveSmallIntegerField(default=100, verbose_name='order')),
                ('name', models.CharField(help_text='Start with a verb, like “Host tours and field trips.” The certificate will say that the partner “will host tours and field trips (6 visits).”', max_length=120, verbose_name='name')),
                ('name_es', models.CharField(blank=True, help_text='Start with an infinitive, like “Recibir visitas y excursiones.” The certificate will say that the partner “se compromete a recibir visitas y excursiones (6 visitas).”', max_length=120, verbose_name='name in Spanish')),
                ('tagline', models.CharField(blank=True, max_length=200, verbose_name='short description')),
                ('tagline_es', models.CharField(blank=True, max_length=200, verbose_name='short description in Spanish')),
                ('unit', models.CharField(help_text='What partners count, like hour, visit, or student.', max_length=40, verbose_name='unit (singular)')),
                ('unit_plural', models.CharField(max_length=40, verbose_name='unit (plural)')),
                ('unit_es', models.CharField(blank=True, max_length=40, verbose_name='unit in Spanish (singular)')),
                ('unit_plural_es', models.CharField(blank=True, max_length=40, verbose_name='unit in Spanish (plural)')),
                ('example', models.CharField(blank=True, max_length=300, verbose_name='example')),
                ('example_es', models.CharField(blank=True, max_length=300, verbose_name='example in Spanish')),
                ('needs_clearance', models.BooleanField(default=False, verbose_name='needs volunteer clearance')),
                ('needs_insurance', models.BooleanField(default=False, verbose_name='needs a certificate of insurance')),
                ('requirements', models.TextField(blank=True, help_text='How to get the clearance or insurance, and how long it lasts.', max_length=600, verbose_name='requirements')),
                ('requirements_es', models.TextField(blank=True, max_length=600, verbose_name='requirements in Spanish')),
                ('work_based_learning', models.CharField(blank=True, choices=[('awareness', 'Career awareness'), ('exploration', 'Career exploration'), ('preparation', 'Career preparation'), ('training', 'Career training')], help_text='On California’s work-based learning continuum.', max_length=12, verbose_name='work-based learning stage')),
                ('is_retired', models.BooleanField(default=False, help_text='Partners can’t choose it anymore. Existing promises keep it.', verbose_name='retired')),
            ],
            options={
                'verbose_name': 'promise type',
                'verbose_name_plural': 'promise types',
                'ordering': ['order', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='School',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=14, unique=True, validators=[django.core.validators.RegexValidator('^\\d{14}$', 'Enter the 14-digit state code.')], verbose_name='state code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('level', models.CharField(choices=[('elementary', 'Elementary (TK–8)'), ('secondary', 'Secondary (7–12)'), ('high', 'High school (9–12)')], max_length=10, verbose_name='level')),
                ('is_charter', models.BooleanField(default=False, verbose_name='charter school')),
                ('is_retired', models.BooleanField(default=False, help_text='Partners can’t choose it anymore. Existing promises keep it.', verbose_name='retired')),
            ],
            options={
                'verbose_name': 'school',
                'verbose_name_plural': 'schools',
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Signature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('signed_by', models.CharField(max_length=100, verbose_name='signed by')),
                ('signed_role', models.CharField(blank=True, max_length=100, verbose_name='signer’s role')),
                ('signed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='signed on')),
                ('content', models.JSONField(verbose_name='signed content')),
            ],
            options={
                'verbose_name': 'signed version',
                'verbose_name_plural': 'signed versions',
                'ordering': ['pledge_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='SlugRedirect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=60, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='CreatedRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('object_id', models.PositiveBigIntegerField()),
                ('fingerprint', models.CharField(max_length=32)),
                ('content_type', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='contenttypes.contenttype')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='created_records', to='partners.import')),
            ],
        ),
        migrations.CreateModel(
            name='ImportedOrganization',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('normalized_name', models.TextField()),
                ('name', models.CharField(max_length=120, verbose_name='organization')),
                ('line', models.PositiveIntegerField(verbose_name='row')),
                ('existing_matches', models.JSONField(default=list, help_text='Existing organizations that it may be: primary key, score, reasons.')),
                ('matches_in_file', models.JSONField(default=list, help_text='Organizations earlier in the file that it may be: line, score, reasons.')),
                ('needs_review', models.BooleanField(default=False, help_text='Whether staff are asked which one it is.')),
                ('duplicate_of_line', models.PositiveIntegerField(help_text='The line of the earlier one that it is.', null=True)),
                ('is_new', models.BooleanField(default=True)),
                ('is_written', models.BooleanField(default=False)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='organizations', to='partners.import')),
            ],
        ),
        migrations.CreateModel(
            name='ImportRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField(verbose_name='row')),
                ('name', models.TextField(verbose_name='organization')),
                ('normalized_name', models.TextField(default='')),
                ('values', models.JSONField(default=dict)),
                ('errors', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), default=list, size=None)),
                ('imported_organization', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='partners.importedorganization')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='partners.import')),
            ],
        ),
        migrations.CreateModel(
            name='Logo',
            fields=[
                ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='logo', serialize=False, to='partners.organization', verbose_name='organization')),
                ('png', models.BinaryField(verbose_name='image')),
                ('width', models.PositiveSmallIntegerField(verbose_name='width')),
                ('height', models.PositiveSmallIntegerField(verbose_name='height')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='changed')),
            ],
            options={
                'verbose_name': 'logo',
                'verbose_name_plural': 'logos',
            },
        ),
        migrations.AddIndex(
            model_name='organization',
            index=django.contrib.postgres.indexes.GinIndex(fields=['normalized_name'], name='organization_similar_names', opclasses=['gin_trgm_ops']),
        ),
        migrations.AddIndex(
            model_name='organization',
            index=models.Index(fields=['name', 'id'], name='organization_by_name'),
        ),
        migrations.AddIndex(
            model_name='organization',
            index=models.Index(condition=models.Q(('approved_at__isnull', False), ('wants_listing', True)), fields=['sector', 'name'], name='organization_listed'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='organization_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('website', ''), ('website__iregex', '^https?://[^\\s]+$'), _connector='OR'), name='organization_website_is_a_web_address', violation_error_message='Enter a web address that starts with https:// or http://.'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approved_at__isnull', True), ('approved_by', '')), ('approved_at__isnull', False), _connector='OR'), name='organization_approved_when'),
        ),
        migrations.AddField(
            model_name='importedorganization',
            name='organization',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='partners.organization'),
        ),
        migrations.AddField(
            model_name='duplicatecandidate',
            name='organization_a',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='partners.organization', verbose_name='first organization'),
        ),
        migrations.AddField(
            model_name='duplicatecandidate',
            name='organization_b',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='partners.organization', verbose_name='second organization'),
        ),
        migrations.AddField(
            model_name='contact',
            name='organization',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='partners.organization', verbose_name='organization'),
        ),
        migrations.AddField(
            model_name='pledge',
            name='contact',
            field=models.ForeignKey(blank=True, help_text='The person who has the personal link.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='pledges', to='partners.contact', verbose_name='contact'),
        ),
        migrations.AddField(
            model_name='pledge',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pledges', to='partners.organization', verbose_name='organization'),
        ),
        migrations.AddField(
            model_name='pledgerequest',
            name='pledge',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='requests', to='partners.pledge'),
        ),
        migrations.AddConstraint(
            model_name='pledgeyear',
            constraint=models.CheckConstraint(condition=models.Q(('school_year__gte', 2018), ('school_year__lte', 2100)), name='pledgeyear_school_year_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='pledgeyear',
            constraint=models.CheckConstraint(condition=models.Q(('announced_deadline__isnull', True), ('announced_deadline__gte', models.F('opens_on')), _connector='OR'), name='pledgeyear_deadline_after_opening', violation_error_message='Choose a deadline on or after the opening date.'),
        ),
        migrations.AddField(
            model_name='pledge',
            name='year',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pledges', to='partners.pledgeyear', verbose_name='school year'),
        ),
        migrations.AddField(
            model_name='import',
            name='year',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.pledgeyear', verbose_name='school year'),
        ),
        migrations.AddField(
            model_name='promise',
            name='pledge',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='promises', to='partners.pledge', verbose_name='pledge'),
        ),
        migrations.AddField(
            model_name='promise',
            name='promise_type',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promises', to='partners.promisetype', verbose_name='promise type'),
        ),
        migrations.AddField(
            model_name='learnedword',
            name='promise_type',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='partners.promisetype'),
        ),
        migrations.AddConstraint(
            model_name='school',
            constraint=models.CheckConstraint(condition=models.Q(('code__regex', '^[0-9]{14}$')), name='school_code_has_14_digits'),
        ),
        migrations.AddConstraint(
            model_name='school',
            constraint=models.CheckConstraint(condition=models.Q(('level__in', ['elementary', 'secondary', 'high'])), name='school_level_known'),
        ),
        migrations.AddField(
            model_name='promise',
            name='schools',
            field=models.ManyToManyField(blank=True, related_name='promises', to='partners.school', verbose_name='schools'),
        ),
        migrations.AddField(
            model_name='learnedword',
            name='school',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='partners.school'),
        ),
        migrations.AddField(
            model_name='signature',
            name='pledge',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signatures', to='partners.pledge', verbose_name='pledge'),
        ),
        migrations.AddField(
            model_name='slugredirect',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='slug_redirects', to='partners.organization'),
        ),
        migrations.AddConstraint(
            model_name='createdrecord',
            constraint=models.UniqueConstraint(fields=('run', 'content_type', 'object_id'), name='createdrecord_once'),
        ),
        migrations.AddIndex(
            model_name='importrow',
            index=models.Index(fields=['run', 'line'], name='importrow_by_line'),
        ),
        migrations.AddIndex(
            model_name='importrow',
            index=models.Index(condition=models.Q(('errors', []), _negated=True), fields=['run', 'line'], name='importrow_with_errors'),
        ),
        migrations.AddIndex(
            model_name='importedorganization',
            index=models.Index(condition=models.Q(('is_written', False)), fields=['run', 'id'], name='importedorganization_to_write'),
        ),
        migrations.AddIndex(
            model_name='importedorganization',
            index=models.Index(condition=models.Q(('needs_review', True)), fields=['run', 'line'], name='importedorganization_to_review'),
        ),
        migrations.AddConstraint(
            model_name='importedorganization',
            constraint=models.UniqueConstraint(fields=('run', 'normalized_name'), name='importedorganization_once'),
        ),
        migrations.AddIndex(
            model_name='duplicatecandidate',
            index=models.Index(condition=models.Q(('dismissed_at__isnull', True)), fields=['-score', 'id'], name='duplicatecandidate_open'),
        ),
        migrations.AddConstraint(
            model_name='duplicatecandidate',
            constraint=models.UniqueConstraint(fields=('organization_a', 'organization_b'), name='duplicatecandidate_once'),
        ),
        migrations.AddConstraint(
            model_name='duplicatecandidate',
            constraint=models.CheckConstraint(condition=models.Q(('organization_a__lt', models.F('organization_b'))), name='duplicatecandidate_older_first'),
        ),
        migrations.AddConstraint(
            model_name='duplicatecandidate',
            constraint=models.CheckConstraint(condition=models.Q(('score__lte', 100)), name='duplicatecandidate_score_of_100'),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(django.db.models.functions.text.Lower('email'), name='contact_by_email'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('email'), name='contact_one_per_email_and_organization', violation_error_message='This organization already has a contact with this email. Enter a different one.'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), condition=models.Q(('organization__isnull', True)), name='contact_one_per_email_on_their_own', violation_error_message='Another contact already has this email. Enter a different one.'),
        ),
        migrations.AddConstraint(
            model_name='contact',
            constraint=models.UniqueConstraint(condition=models.Q(('is_primary', True)), fields=('organization',), name='contact_one_primary_per_organization', violation_error_message='This organization already has a main contact.'),
        ),
        migrations.AddIndex(
            model_name='pledgerequest',
            index=models.Index(django.db.models.functions.text.Lower('email'), name='pledgerequest_by_email'),
        ),
        migrations.AddIndex(
            model_name='pledgerequest',
            index=models.Index(condition=models.Q(('answered_at__isnull', True)), fields=['id'], name='pledgerequest_unanswered'),
        ),
        migrations.AddConstraint(
            model_name='pledgerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('source', ''), _negated=True), fields=('source',), name='pledgerequest_once_per_source'),
        ),
        migrations.AddIndex(
            model_name='pledge',
            index=models.Index(fields=['-year', '-changed_at', '-id'], name='pledge_newest'),
        ),
        migrations.AddIndex(
            model_name='pledge',
            index=models.Index(condition=models.Q(('reminded_at__isnull', True), ('signed_at__isnull', True)), fields=['changed_at'], name='pledge_draft_to_remind'),
        ),
        migrations.AddConstraint(
            model_name='pledge',
            constraint=models.UniqueConstraint(fields=('organization', 'year'), name='pledge_one_per_organization_and_year', violation_error_message='This organization already has a pledge for this school year.'),
        ),
        migrations.AddConstraint(
            model_name='pledge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by', ''), ('signed_role', '')), models.Q(('signed_at__isnull', False), models.Q(('signed_by', ''), _negated=True)), _connector='OR'), name='pledge_signed_by_whom_and_when'),
        ),
        migrations.AddConstraint(
            model_name='pledge',
            constraint=models.CheckConstraint(condition=models.Q(('version__gte', 1)), name='pledge_version_from_one'),
        ),
        migrations.AddIndex(
            model_name='import',
            index=models.Index(condition=models.Q(('state__in', ['reading', 'writing', 'undoing'])), fields=['last_step_at'], name='import_in_progress'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('completed_at__isnull', False), models.Q(('state__in', ['done', 'undoing', 'undone']), _negated=True), _connector='OR'), name='import_done_when'),
        ),
        migrations.AddConstraint(
            model_name='import',
            constraint=models.CheckConstraint(condition=models.Q(('steps_done__lte', models.F('steps'))), name='import_steps_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='promise',
            constraint=models.UniqueConstraint(fields=('pledge', 'promise_type', 'position'), name='promise_position_once_per_pledge_and_type'),
        ),
        migrations.AddConstraint(
            model_name='promise',
            constraint=models.CheckConstraint(condition=models.Q(('position__gte', 1), ('position__lte', 5)), name='promise_position_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='promise',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 1), ('quantity__lte', 100000)), name='promise_quantity_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='promise',
            constraint=models.CheckConstraint(condition=models.Q(('grades__contained_by', ['TK-K', '1-3', '4-6', '7-8', '9-12'])), name='promise_grades_known'),
        ),
        migrations.AddConstraint(
            model_name='promise',
            constraint=models.CheckConstraint(condition=models.Q(('months__contained_by', [8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7])), name='promise_months_of_a_school_year'),
        ),
        migrations.AddConstraint(
            model_name='learnedword',
            constraint=models.UniqueConstraint(fields=('kind', 'plain_word'), name='learnedword_once'),
        ),
        migrations.AddConstraint(
            model_name='learnedword',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['contacts', 'promises']), ('promise_type', None), ('school', None)), models.Q(('kind', 'type'), ('promise_type__isnull', False), ('school', None)), models.Q(('kind', 'school'), ('promise_type', None), ('school__isnull', False)), _connector='OR'), name='learnedword_means_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='signature',
            constraint=models.UniqueConstraint(fields=('pledge', 'number'), name='signature_number_once'),
        ),
        migrations.AddConstraint(
            model_name='signature',
            constraint=models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='signature_number_from_one'),
        ),
        migrations.AddConstraint(
            model_name='signature',
            constraint=models.CheckConstraint(condition=models.Q(('signed_by', ''), _negated=True), name='signature_has_a_name'),
        ),
    ]
