"""Django's table of users lets two accounts share an address, and two pages saved in one moment would both find it free."""

from django.db import migrations

CREATE = """
    CREATE UNIQUE INDEX accounts_unique_email ON auth_user (lower(email)) WHERE email <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunSQL(CREATE, "DROP INDEX accounts_unique_email")]
