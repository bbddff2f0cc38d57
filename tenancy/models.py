"""The shared tables: tenants and people, flags, and what waits, is told and is recorded.

Shared rows carry ids, counts and states, never a tenant's content.
"""

from datetime import UTC
from typing import Any

from django.contrib.auth import get_backends
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin
from timezone_field import TimeZoneField
from uuid_utils.compat import uuid7

from tenancy.context import current_schema
from tenancy.fields import together
from tenancy.rules import SLUG
from tenancy.states import ActorKind, DeliveryState, Language, Result, Role, StaffRole, TenantState


class Segment(models.Model):  # type: ignore[django-manager-missing]  # its Tenants have an untyped base
    """A group of tenants that flags and rollouts are switched for."""

    key = models.SlugField(_("key"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Tenant(TenantMixin):  # type: ignore[misc]  # django_tenants has no types
    """A customer with a schema of its own. The row with schema `public` stands for the operations console."""

    auto_create_schema = False
    auto_drop_schema = False

    slug = models.CharField(
        _("slug"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(SLUG)],
        help_text=_("Also the host's first label."),
    )
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(_("state"), max_length=16, choices=TenantState, default=TenantState.ACTIVE)
    segment = models.ForeignKey(
        Segment,
        on_delete=models.PROTECT,
        related_name="tenants",
        null=True,
        blank=True,
        verbose_name=_("segment"),
    )
    time_zone = TimeZoneField(_("time zone"), default="Europe/Istanbul")
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.TURKISH)
    leaf_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"))
    suspended_at = models.DateTimeField(_("suspended at"), null=True, blank=True)
    purged_at = models.DateTimeField(_("purged at"), null=True, blank=True)

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(name="tenant_state_known", condition=Q(state__in=TenantState.values)),
            models.CheckConstraint(
                name="tenant_suspended_has_time",
                condition=~Q(state="suspended") | Q(suspended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="tenant_purged_has_time",
                condition=together(Q(state="purged"), Q(purged_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):  # type: ignore[misc]  # as above
    """A host name that leads to a tenant."""

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, once for all tenants. Deactivated and anonymised, never deleted (UserRef counts on it).

    No PermissionsMixin: what somebody may do follows from Membership or SupportGrant and the current tenant.
    """

    email = models.EmailField(_("email"), max_length=254)
    name = models.CharField(_("name"), max_length=120)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.TURKISH)
    time_zone = TimeZoneField(_("time zone"), default="Europe/Istanbul")
    staff_role = models.CharField(_("staff role"), max_length=16, choices=StaffRole, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"))
    anonymised_at = models.DateTimeField(_("anonymised at"), null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="user_email_once", violation_error_message=_("This email is taken.")
            ),
            models.CheckConstraint(
                name="user_anonymised_is_inactive",
                condition=Q(anonymised_at__isnull=True) | Q(is_active=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        """What the console's menu calls the person."""
        return self.name

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # The schema is part of it: a cookie replayed on another tenant's host is anonymous and flushed.
        value = f"{self.password}|{current_schema()}"
        return salted_hmac("tenancy.User.session", value, secret=secret, algorithm="sha256").hexdigest()

    def get_session_auth_hash(self) -> str:
        return self._get_session_auth_hash()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether this user may do the action `perm` ("incident.resolve") on this thread's tenant."""
        return any(backend.has_perm(self, perm, obj) for backend in get_backends())

    @property
    def is_staff(self) -> bool:
        """Whether this is one of us. Opens the public host's console, and no tenant."""
        return bool(self.staff_role)


class Membership(models.Model):
    """That a user belongs to a tenant, and in which role."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("tenant")
    )
    role = models.CharField(_("role"), max_length=16, choices=Role)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(name="membership_role_known", condition=Q(role__in=Role.values)),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class ApiToken(models.Model):
    """A script's key to one tenant, or for staff to the public host. Only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    read_only = models.BooleanField(_("read only"), default=False)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [models.CheckConstraint(name="token_ends", condition=Q(expires_at__gt=F("created_at")))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Session(AbstractBaseSession):
    """A signed-in browser, bound to the tenant whose host it signed in on."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("user")
    )

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    @classmethod
    def get_session_store_class(cls) -> Any:
        from tenancy.sessions import SessionStore  # noqa: PLC0415  # store and model name each other

        return SessionStore


class SupportGrant(models.Model):
    """One of us may look into (or, if said, work in) one tenant for at most an hour, for a reason and a ticket."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    reason = models.CharField(_("reason"), max_length=500)
    ticket = models.CharField(_("ticket"), max_length=80)
    writes = models.BooleanField(_("may write"), default=False)
    opened_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("opened by")
    )
    opened_at = models.DateTimeField(_("opened at"))
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("support grant")
        verbose_name_plural = _("support grants")
        indexes = [models.Index(fields=["user", "tenant", "expires_at"], name="grant_lookup")]
        constraints = [
            models.CheckConstraint(name="grant_has_reason", condition=~Q(reason="") & ~Q(ticket="")),
            models.CheckConstraint(name="grant_ends", condition=Q(expires_at__gt=F("opened_at"))),
            models.CheckConstraint(
                name="grant_ended_after_opened",
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket} · {self.user} → {self.tenant}"


class Flag(models.Model):
    """A switch that each tenant has on or off; `default` holds where no TenantFlag says otherwise."""

    key = models.SlugField(_("key"), max_length=60, unique=True)
    description = models.CharField(_("description"), max_length=200)
    default = models.BooleanField(_("default"), default=False)

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class TenantFlag(models.Model):
    """A flag's setting in one tenant."""

    flag = models.ForeignKey(Flag, on_delete=models.CASCADE, related_name="settings", verbose_name=_("flag"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    enabled = models.BooleanField(_("enabled"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("flag setting")
        verbose_name_plural = _("flag settings")
        constraints = [models.UniqueConstraint(fields=["flag", "tenant"], name="tenantflag_once")]

    def __str__(self) -> str:
        return f"{self.flag} @ {self.tenant}: {self.enabled}"


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

    Names the tenant's event and the recipient (`user:12`); the text is rendered inside the tenant when it is
    sent. `fence` grows with each claim, so that only the latest claimant may mark the row.
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
                name="delivery_leased_has_end",
                condition=together(Q(state="leased"), Q(leased_until__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="delivery_pending", condition=Q(state="pending")),
            models.Index(fields=["leased_until"], name="delivery_leased", condition=Q(state="leased")),
            models.Index(fields=["tenant", "-created_at"], name="delivery_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.message} → {self.recipient} ({self.channel})"


class ChainedEvent(models.Model):
    """One line of a journal, tied by `hash` to the one before. Never changed: triggers refuse it.

    `personal_hash` is the salted hash of the personal part, which lies beside the chain and can be erased.
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
        """What the hash covers: every field but `hash` itself."""
        return {
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
    """Where a chain ends. One row; locking it is what orders the journal, so it is taken last."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

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


class SpareSchema(models.Model):
    """A migrated, empty schema that waits for a tenant."""

    name = models.CharField(max_length=63, unique=True)
    leaf_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class SchemaTemplate(models.Model):
    """The SQL that builds a tenant's schema as the migrations of `leaf_hash` would."""

    leaf_hash = models.CharField(max_length=64, unique=True)
    sql = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.leaf_hash[:12]
