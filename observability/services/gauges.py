"""Levels of the machinery, by the minute: the least, the most and the last."""

from datetime import datetime

from django.db import connection

from observability.models import Gauge

_NOTE = """
INSERT INTO observability_gauge AS kept (name, minute, least, most, last, samples)
VALUES (%(name)s, %(minute)s, %(value)s, %(value)s, %(value)s, 1)
ON CONFLICT (name, minute) DO UPDATE SET
    least = least(kept.least, excluded.least),
    most = greatest(kept.most, excluded.most),
    last = excluded.last,
    samples = kept.samples + 1
"""


def note_level(*, name: str, value: float, now: datetime) -> None:
    """Record that the level `name` is `value` at `now`."""
    minute = now.replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"name": name, "minute": minute, "value": value})


def levels(name: str, *, since: datetime, until: datetime) -> list[Gauge]:
    """The minutes of `name` that began in [since, until), in order; one in which nothing was noted is not there."""
    return list(Gauge.objects.filter(name=name, minute__gte=since, minute__lt=until).order_by("minute"))
