"""What older incidents are searched by, and what their fulfilled clocks counted: they all ran round the clock."""

from django.db import migrations
from django.db.models import F

from hypercare.rules import fold

BATCH = 1000


def fill(apps, schema_editor):
    Incident = apps.get_model('hypercare', 'Incident')
    Incident.objects.filter(first_response_at__isnull=False, sla_response_elapsed__isnull=True).update(
        sla_response_elapsed=F('first_response_at') - F('created_at')
    )
    Incident.objects.filter(resolved_at__isnull=False, sla_resolution_elapsed__isnull=True).update(
        sla_resolution_elapsed=F('resolved_at') - F('created_at')
    )
    unfolded = Incident.objects.filter(search_text='').only('pk', 'title', 'description', 'affected_module')
    while rows := list(unfolded[:BATCH]):
        for row in rows:
            # Never empty, or this would not end: every incident has a title, yet one may fold to nothing.
            row.search_text = fold(row.title, row.description, row.affected_module) or '-'
        Incident.objects.bulk_update(rows, ['search_text'])


class Migration(migrations.Migration):

    dependencies = [('hypercare', '0002_whole_incidents')]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=False)]
