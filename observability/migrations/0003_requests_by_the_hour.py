import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("observability", "0002_what_is_measured"),
        ("tenancy", "0009_public_host_answers_repeats"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("codes", models.JSONField(verbose_name="answers by status")),
                ("bins", models.JSONField(verbose_name="answers by duration")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.tenant",
                        verbose_name="tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "requests of an hour",
                "verbose_name_plural": "requests by the hour",
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "tenant"), name="requesthour_once"),
                ],
            },
        ),
    ]
