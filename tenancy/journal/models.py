"""The tables of a tenant's journal. Written by `tenancy.transactions` alone."""

from django.db import models
from django.db.models import Q

from tenancy.models import ChainedEvent, ChainedPersonal, ChainHead
from tenancy.rows import TenantManager


class Event(ChainedEvent):
    """What happened in this tenant: timeline, audit, execution log and live stream are views of it."""

    objects = TenantManager()

    class Meta(ChainedEvent.Meta):
        indexes = [
            models.Index(fields=["subject", "seq"], name="event_by_subject"),
            models.Index(fields=["at"], name="event_by_time"),
        ]


class EventPersonal(ChainedPersonal):
    objects = TenantManager()


class EventHead(ChainHead):
    objects = TenantManager()

    class Meta:
        constraints = [models.CheckConstraint(name="eventhead_one_row", condition=Q(id=1))]
