from django.db import migrations

# What the public pages show, table by table.
SHOWN = (
    "partners_organization",
    "partners_logo",
    "partners_pledgeyear",
    "partners_pledge",
    "partners_promise",
    "partners_promise_schools",
    "partners_promisetype",
    "partners_school",
)

# Once a transaction, however many statements it has. What another one wrote is taken out when that can be done without
# waiting; a row that stays only makes the set longer.
FUNCTION = """
    CREATE FUNCTION partners_bump_directory_version() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        mine bigint := pg_current_xact_id()::text::bigint;
    BEGIN
        INSERT INTO partners_directoryversion (id) VALUES (mine) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            DELETE FROM partners_directoryversion WHERE id IN (
                SELECT id FROM partners_directoryversion WHERE id <> mine FOR UPDATE SKIP LOCKED
            );
        END IF;
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE TRIGGER partners_directory_version AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION partners_bump_directory_version()
"""


class Migration(migrations.Migration):

    dependencies = [
        ('partners', '0002_eight_promise_types'),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION partners_bump_directory_version()"),
        *(
            migrations.RunSQL(TRIGGER.format(table=table), f"DROP TRIGGER partners_directory_version ON {table}")
            for table in SHOWN
        ),
    ]
