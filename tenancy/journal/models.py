"""The tables of a tenant's journal. Written by `tenancy.transactions` alone."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.models import ChainedEvent, ChainedPersonal, ChainHead
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


class IdempotencyRecord(TenantModel):
    """What a POST with an Idempotency-Key was answered, so that its repeat is answered the same.

    Written in the transaction of what it protects. `actor` is `member:12`; `digest` is over the request.
    """

    actor = models.CharField(_("actor"), max_length=60)
    key = models.CharField(_("key"), max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_time")]

    def __str__(self) -> str:
        return f"{self.actor} {self.key}"
