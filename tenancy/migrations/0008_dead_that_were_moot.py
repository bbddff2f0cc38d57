"""What was marked dead because there was nobody or nothing to tell is moot, since when it was dead."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr

WAS = 'Moot: '  # how the reason began: the exception's name


def tell_apart(apps, schema_editor):
    dead = apps.get_model('tenancy', 'Delivery').objects.filter(state='dead', last_error__startswith=WAS)
    reason = Substr('last_error', len(WAS) + 1)
    dead.update(state='moot', moot_at=F('dead_at'), dead_at=None, last_error=reason)


def put_together(apps, schema_editor):
    moot = apps.get_model('tenancy', 'Delivery').objects.filter(state='moot')
    moot.update(state='dead', dead_at=F('moot_at'), moot_at=None, last_error=Concat(Value(WAS), 'last_error'))


class Migration(migrations.Migration):

    dependencies = [('tenancy', '0007_moot_deliveries')]

    operations = [
        migrations.RunPython(tell_apart, put_together),
        ValidateConstraint(model_name='delivery', name='delivery_state_known'),
        ValidateConstraint(model_name='delivery', name='delivery_moot_has_time'),
    ]
