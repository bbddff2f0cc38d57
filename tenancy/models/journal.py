"""The shape of every journal, and the operators' own."""

from datetime import UTC
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from tenancy.states import ActorKind, Result


class ChainedEvent(models.Model):
    """One line of a journal, tied by `hash` to the one before. Never changed: triggers refuse it.

    `personal_hash` is the salted hash of the personal part, which lies beside the chain and can be erased.
    `scope` is what the event belongs to for those who follow it (hypercare: the project).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(_("at"))
    actor_kind = models.CharField(_("actor kind"), max_length=16, choices=ActorKind)
    actor_id = models.BigIntegerField(_("actor"), null=True)
    actor_name = models.CharField(_("system actor"), max_length=60, blank=True)
    grant_id = models.BigIntegerField(_("support grant"), null=True)
    verb = models.CharField(_("verb"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80)
    scope = models.UUIDField(_("scope"), null=True)
    data = models.JSONField(_("what changed"), default=dict)
    result = models.CharField(_("result"), max_length=4, choices=Result, blank=True)
    log_ref = models.CharField(_("log reference"), max_length=200, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    personal_hash = models.CharField(max_length=64, blank=True)
    key_id = models.CharField(max_length=20)
    hash = models.CharField(max_length=64)

    class Meta:
        abstract = True
        ordering = ["seq"]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.seq} {self.verb} {self.subject}"

    def body(self) -> dict[str, Any]:
        """What the hash covers: every field but `hash` itself. A line without a scope is hashed without one."""
        scope = {"scope": str(self.scope)} if self.scope else {}
        return scope | {
            "id": str(self.id),
            "seq": self.seq,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": [self.actor_kind, self.actor_id, self.actor_name, self.grant_id],
            "verb": self.verb,
            "subject": self.subject,
            "data": self.data,
            "result": self.result,
            "log_ref": self.log_ref,
            "request_id": self.request_id,
            "personal_hash": self.personal_hash,
            "key_id": self.key_id,
        }


class ChainedPersonal(models.Model):
    """The personal part of an event, with the salt of its hash. May be erased; the chain stays valid."""

    event_id = models.UUIDField(primary_key=True)
    salt = models.CharField(max_length=64)
    data = models.JSONField()

    class Meta:
        abstract = True


class ChainHead(models.Model):
    """Where a chain ends. One row; locking it is what orders the journal, so it is taken last.

    `base_seq` and `base_hash` are the last line that retention took away: the chain that is here begins after it.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)
    base_seq = models.PositiveBigIntegerField(default=0)
    base_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True


class OperatorEvent(ChainedEvent):
    """The operators' journal: what was done on the public host, and every grant into a tenant."""

    class Meta(ChainedEvent.Meta):
        verbose_name = _("operator event")
        verbose_name_plural = _("operator events")


class OperatorPersonal(ChainedPersonal):
    pass


class OperatorHead(ChainHead):
    class Meta:
        constraints = [models.CheckConstraint(name="operatorhead_one_row", condition=Q(id=1))]
