"""People, what they may open, and how they sign in."""

from typing import Any

from django.contrib.auth import get_backends
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from timezone_field import TimeZoneField

from tenancy.context import current_schema
from tenancy.fields import together
from tenancy.models.tenants import Tenant
from tenancy.states import Language, NoticeLevel, Role, StaffRole


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
    last_used_on = models.DateField(_("last used on"), null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [models.CheckConstraint(name="token_ends", condition=Q(expires_at__gt=F("created_at")))]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Session(AbstractBaseSession):
    """A signed-in browser, bound to the tenant whose host it signed in on.

    `session_key` is a digest of the cookie's: who reads this table or a page about it signs in as nobody.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("user")
    )
    created_at = models.DateTimeField(_("signed in at"), db_default=Now())
    seen_at = models.DateTimeField(_("last seen at"), db_default=Now())
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True, db_default="")
    methods = models.CharField(_("signed in by"), max_length=80, blank=True, db_default="")

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.user} · {self.address or '–'}"

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


class Preference(models.Model):
    """What somebody wants to be told about one project (`scope`) of a tenant, or about all the others (none).

    In quiet hours, in the person's own zone, what is not urgent waits for their end; P1 and P2 never wait.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("user"))
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    scope = models.UUIDField(_("project"), null=True, blank=True)
    level = models.CharField(_("what"), max_length=16, choices=NoticeLevel, default=NoticeLevel.ALL)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)

    class Meta:
        verbose_name = _("notification preference")
        verbose_name_plural = _("notification preferences")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "scope"], name="preference_once", nulls_distinct=False
            ),
            models.CheckConstraint(name="preference_level_known", condition=Q(level__in=NoticeLevel.values)),
            models.CheckConstraint(
                name="preference_quiet_has_both",
                condition=together(Q(quiet_from__isnull=False), Q(quiet_until__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_level_display()}"
