"""The journals' lines are refused any change by triggers; the function lives in public for every schema."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION public.journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal %.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
TRIGGERS = """
CREATE TRIGGER operatorevent_append_only BEFORE UPDATE OR DELETE ON tenancy_operatorevent
    FOR EACH ROW EXECUTE FUNCTION public.journal_refuse();
CREATE TRIGGER operatorevent_no_truncate BEFORE TRUNCATE ON tenancy_operatorevent
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_refuse();
INSERT INTO tenancy_operatorhead (id, seq, hash) VALUES (1, 0, '');
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION public.journal_refuse()"),
        migrations.RunSQL(
            TRIGGERS,
            "DROP TRIGGER operatorevent_append_only ON tenancy_operatorevent;"
            "DROP TRIGGER operatorevent_no_truncate ON tenancy_operatorevent;"
            "DELETE FROM tenancy_operatorhead",
        ),
    ]
