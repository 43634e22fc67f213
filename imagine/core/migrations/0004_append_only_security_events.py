"""The activity log is append-only, whoever asks: the trigger binds the owner of the table, too. What is older than two
years may be deleted, by a function that runs as the owner, so that the application's role needs no right to delete."""

from django.db import migrations

REFUSE = """
    CREATE FUNCTION core_refuse_security_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.created_at < now() - interval '2 years' THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'The activity log cannot be changed (% refused).', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$
"""
ON_ROWS = """
    CREATE TRIGGER core_security_event_rows BEFORE UPDATE OR DELETE ON core_securityevent
    FOR EACH ROW EXECUTE FUNCTION core_refuse_security_event_change()
"""
ON_TABLE = """
    CREATE TRIGGER core_security_event_table BEFORE TRUNCATE ON core_securityevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_security_event_change()
"""
DELETE_OLD = """
    CREATE FUNCTION core_delete_old_security_events() RETURNS bigint LANGUAGE sql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
        WITH deleted AS (
            DELETE FROM core_securityevent WHERE created_at < now() - interval '2 years' RETURNING 1
        )
        SELECT count(*) FROM deleted
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0003_rate_limit_unlogged")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION core_refuse_security_event_change()"),
        migrations.RunSQL(ON_ROWS, "DROP TRIGGER core_security_event_rows ON core_securityevent"),
        migrations.RunSQL(ON_TABLE, "DROP TRIGGER core_security_event_table ON core_securityevent"),
        migrations.RunSQL("REVOKE ALL ON core_securityevent FROM PUBLIC", migrations.RunSQL.noop),
        migrations.RunSQL(DELETE_OLD, "DROP FUNCTION core_delete_old_security_events()"),
    ]
