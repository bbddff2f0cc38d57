"""Lets retention delete a journal's oldest lines, and nothing else.

A row may be deleted while the transaction's own setting `hypercare.prune_through` is at or beyond its seq.
UPDATE, TRUNCATE and every later row stay refused. The triggers are those of before.
"""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION public.journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
        IF OLD.seq <= NULLIF(current_setting('hypercare.prune_through', true), '')::bigint THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal %.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
BEFORE = """
CREATE OR REPLACE FUNCTION public.journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal %.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0003_endpoints_and_preferences")]

    operations = [migrations.RunSQL(FUNCTION, BEFORE)]
