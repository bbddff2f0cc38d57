"""What repeated requests are answered from: the shape of it, and the public host's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7


class KeptAnswer(models.Model):
    """What a POST with an Idempotency-Key, or a form with its one-time key, was answered; its repeat gets the same.

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
        abstract = True

    def __str__(self) -> str:
        return f"{self.actor} {self.key}"


class OperatorIdempotencyRecord(KeptAnswer):
    """The answers of the public host."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [models.UniqueConstraint(fields=["actor", "key"], name="operatoridempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="operatoridempotency_by_time")]
