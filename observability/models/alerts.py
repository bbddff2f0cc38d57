"""What was found wrong, who was told, and who has to act: in public, without a tenant's content."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from observability.states import AlertSeverity, AlertState, Owner, VerdictStatus
from tenancy.fields import together
from tenancy.models import Tenant


class Standing(models.Model):
    """The latest verdict of one rule about one tenant (the public one: the platform), written when it changes."""

    rule = models.CharField(_("rule"), max_length=60)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    status = models.CharField(_("verdict"), max_length=16, choices=VerdictStatus)
    since = models.DateTimeField(_("since"))
    verdict = models.JSONField(_("what was measured"))

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        constraints = [
            models.UniqueConstraint(fields=["rule", "tenant"], name="standing_once"),
            models.CheckConstraint(
                name="standing_status_known", condition=Q(status__in=VerdictStatus.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.status}"


class Alert(models.Model):
    """One rule that was in breach for one tenant (the public one: the platform), until it recovered.

    `count` says in how many looks it was in breach, `ok_since` since when it is not any more while that is not yet
    long enough. `verdict` is the last breach: what was measured, against which limit. `told_at` is empty while it
    is silenced. `incident` refers to what it was turned into, `incident:<id>` in its tenant.
    """

    rule = models.CharField(_("rule"), max_length=60)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    state = models.CharField(_("state"), max_length=16, choices=AlertState, default=AlertState.OPEN)
    severity = models.CharField(_("severity"), max_length=16, choices=AlertSeverity)
    owner = models.CharField(_("owner"), max_length=20, choices=Owner)
    runbook = models.CharField(_("runbook"), max_length=60, blank=True)
    verdict = models.JSONField(_("what was measured"))
    config_hash = models.CharField(_("configuration"), max_length=24)
    opened_at = models.DateTimeField(_("opened at"))
    last_seen_at = models.DateTimeField(_("last seen at"))
    count = models.PositiveIntegerField(_("seen"), default=1)
    reopened_count = models.PositiveIntegerField(_("reopened"), default=0)
    reopened_at = models.DateTimeField(_("reopened at"), null=True, blank=True)
    ok_since = models.DateTimeField(_("ok since"), null=True, blank=True)
    told_at = models.DateTimeField(_("told at"), null=True, blank=True)
    escalated_at = models.DateTimeField(_("escalated at"), null=True, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("acknowledged by"),
    )
    recovered_at = models.DateTimeField(_("recovered at"), null=True, blank=True)
    incident = models.CharField(_("incident"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "tenant"], name="alert_one_open", condition=~Q(state="recovered")
            ),
            models.CheckConstraint(name="alert_state_known", condition=Q(state__in=AlertState.values)),
            models.CheckConstraint(
                name="alert_recovered_has_time",
                condition=together(Q(state="recovered"), Q(recovered_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="alert_acknowledged_has_time",
                condition=~Q(state="acknowledged") | Q(acknowledged_at__isnull=False),
            ),
            models.CheckConstraint(
                name="alert_in_order", condition=Q(last_seen_at__gte=F("opened_at"), count__gte=1)
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-opened_at"], name="alert_by_tenant"),
            models.Index(fields=["-last_seen_at"], name="alert_by_last_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} ({self.get_state_display()})"

    @property
    def since(self) -> datetime:
        """Since when it lasts, or lasted: its last beginning."""
        return self.reopened_at or self.opened_at


class Silence(models.Model):
    """For a while, and for a reason, nobody is told of `rule` (empty: of any) in `tenant` (empty: in any)."""

    rule = models.CharField(_("rule"), max_length=60, blank=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", null=True, blank=True, verbose_name=_("tenant")
    )
    reason = models.CharField(_("reason"), max_length=500)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("by")
    )
    ended_at = models.DateTimeField(_("ended early at"), null=True, blank=True)

    class Meta:
        verbose_name = _("silence")
        verbose_name_plural = _("silences")
        constraints = [
            models.CheckConstraint(name="silence_ends_after_start", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="silence_has_reason", condition=~Q(reason="")),
        ]
        indexes = [models.Index(fields=["ends_at"], name="silence_ends")]

    def __str__(self) -> str:
        return f"{self.rule or '*'} {self.reason}"


class Duty(models.Model):
    """One of us who is an owner of alerts now, and so hears of them."""

    owner = models.CharField(_("owner"), max_length=20, choices=Owner)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("person")
    )
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("duty")
        verbose_name_plural = _("duties")
        constraints = [
            models.UniqueConstraint(fields=["owner", "user"], name="duty_once"),
            models.CheckConstraint(name="duty_owner_known", condition=Q(owner__in=Owner.values)),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.user}"
