"""The tables of a tenant's journal, written by `tenancy.transactions` alone; and what it answers repeats from."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.models import ChainedEvent, ChainedPersonal, ChainHead, KeptAnswer
from tenancy.rows import TenantManager, TenantModel


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


class IdempotencyRecord(TenantModel, KeptAnswer):
    """The answers of this tenant."""

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_time")]
