"""What waits for its time, what is told, and to whom."""

import hashlib

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from timezone_field import TimeZoneField

from tenancy.fields import SecretField, together
from tenancy.models.tenants import Tenant
from tenancy.states import DeliveryState, Language


class Deadline(models.Model):
    """Somebody wants to be woken: `kind` says by which handler, `subject` about which row of the tenant.

    Written in the transaction of what it watches and deleted when its handler is done. `wake_at` is `due_at`
    until a try fails and backs off. A dead one waits for a person.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    kind = models.CharField(_("kind"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80)
    due_at = models.DateTimeField(_("due at"))
    wake_at = models.DateTimeField(_("next try at"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True)
    dead_at = models.DateTimeField(_("dead since"), null=True, blank=True)

    class Meta:
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "subject", "due_at"], name="deadline_once"),
            models.CheckConstraint(name="deadline_wakes_from_due", condition=Q(wake_at__gte=F("due_at"))),
        ]
        indexes = [
            models.Index(
                fields=["wake_at", "tenant"], name="deadline_live", condition=Q(dead_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Delivery(models.Model):
    """One message to one recipient on one channel: the outbox.

    Names the tenant's event and the recipient (`user:12`, `endpoint:3`); the text is rendered inside the tenant
    when it is sent. `fence` grows with each claim, so that only the latest claimant may mark the row. A moot one had
    nobody to tell or nothing to say when it was rendered; `last_error` says why.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    event = models.UUIDField(_("event"))
    message = models.CharField(_("message"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80)
    recipient = models.CharField(_("recipient"), max_length=120)
    channel = models.CharField(_("channel"), max_length=20)
    dedupe_key = models.CharField(_("dedupe key"), max_length=120)
    state = models.CharField(_("state"), max_length=16, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    fence = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(_("next try at"))
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    provider_ref = models.CharField(_("provider's reference"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    dead_at = models.DateTimeField(_("dead since"), null=True, blank=True)
    moot_at = models.DateTimeField(_("needless since"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "event", "recipient", "channel", "dedupe_key"], name="delivery_once"
            ),
            models.CheckConstraint(name="delivery_state_known", condition=Q(state__in=DeliveryState.values)),
            models.CheckConstraint(
                name="delivery_sent_has_time", condition=together(Q(state="sent"), Q(sent_at__isnull=False))
            ),
            models.CheckConstraint(
                name="delivery_dead_has_time", condition=together(Q(state="dead"), Q(dead_at__isnull=False))
            ),
            models.CheckConstraint(
                name="delivery_moot_has_time", condition=together(Q(state="moot"), Q(moot_at__isnull=False))
            ),
            models.CheckConstraint(
                name="delivery_leased_has_end",
                condition=together(Q(state="leased"), Q(leased_until__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="delivery_pending", condition=Q(state="pending")),
            models.Index(fields=["leased_until"], name="delivery_leased", condition=Q(state="leased")),
            models.Index(fields=["tenant", "-created_at"], name="delivery_by_tenant"),
            models.Index(fields=["recipient", "subject", "id"], name="delivery_by_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.message} → {self.recipient} ({self.channel})"

    @property
    def key(self) -> str:
        """What a receiver knows repeats by: the same at every try, another for every other delivery."""
        parts = (self.tenant_id, self.event, self.recipient, self.channel, self.dedupe_key)
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


class Endpoint(models.Model):
    """A place outside that wants to hear of events: a webhook, a Slack channel, a PagerDuty service.

    Belongs to a tenant; the public host's are the operators' own. `scope` narrows it to one project. What it
    authenticates with is kept encrypted; after a rotation the old secret still signs until `previous_until`.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    channel = models.CharField(_("channel"), max_length=20)
    name = models.CharField(_("name"), max_length=80)
    address = models.CharField(_("address"), max_length=500, blank=True)
    secret = SecretField(_("secret"))
    previous_secret = SecretField(blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    verbs = ArrayField(models.CharField(max_length=60), verbose_name=_("events"))
    urgent_only = models.BooleanField(_("only P1 and P2"), default=False)
    scope = models.UUIDField(_("project"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.ENGLISH)
    time_zone = TimeZoneField(_("time zone"), default="UTC")
    created_at = models.DateTimeField(_("created at"))
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True)
    disabled_because = models.CharField(_("why disabled"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("endpoint")
        verbose_name_plural = _("endpoints")
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["tenant"], name="endpoint_live", condition=Q(disabled_at__isnull=True))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="endpoint_name_once"),
            models.CheckConstraint(
                name="endpoint_disabled_has_reason",
                condition=together(Q(disabled_at__isnull=False), ~Q(disabled_because="")),
            ),
            models.CheckConstraint(
                name="endpoint_previous_has_end",
                condition=together(Q(previous_until__isnull=False), ~Q(previous_secret="")),
            ),
        ]

    def __str__(self) -> str:
        return self.name
