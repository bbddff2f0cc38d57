"""A state of its own for deliveries that became pointless. Its checks are validated by the next migration, so that
this one never reads the table while it holds the lock that everybody waits for."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('tenancy', '0006_sign_in')]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.CharField(choices=[('pending', 'pending'), ('leased', 'leased'), ('sent', 'sent'), ('ambiguous', 'ambiguous'), ('dead', 'dead'), ('moot', 'needless')], default='pending', max_length=16, verbose_name='state'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='moot_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='needless since'),
        ),
        migrations.RemoveConstraint(model_name='delivery', name='delivery_state_known'),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'leased', 'sent', 'ambiguous', 'dead', 'moot'])), name='delivery_state_known'),
        ),
        AddConstraintNotValid(
            model_name='delivery',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'moot'), ('moot_at__isnull', False)), models.Q(models.Q(('state', 'moot'), _negated=True), models.Q(('moot_at__isnull', False), _negated=True)), _connector='OR'), name='delivery_moot_has_time'),
        ),
    ]
