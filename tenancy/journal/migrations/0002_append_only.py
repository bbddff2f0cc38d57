"""A tenant's journal refuses change, and has its one head."""

from django.db import migrations

TRIGGERS = """
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON journal_event
    FOR EACH ROW EXECUTE FUNCTION public.journal_refuse();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON journal_event
    FOR EACH STATEMENT EXECUTE FUNCTION public.journal_refuse();
INSERT INTO journal_eventhead (id, seq, hash) VALUES (1, 0, '');
"""


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial"), ("tenancy", "0002_journal_cannot_be_bent")]

    operations = [
        migrations.RunSQL(
            TRIGGERS,
            "DROP TRIGGER event_append_only ON journal_event;"
            "DROP TRIGGER event_no_truncate ON journal_event;"
            "DELETE FROM journal_eventhead",
        )
    ]
