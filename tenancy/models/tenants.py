"""Tenants, their hosts and flags, and the schemas that wait for one."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin
from timezone_field import TimeZoneField

from tenancy.fields import together
from tenancy.rules import SLUG
from tenancy.states import Language, TenantState


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


class SpareSchema(models.Model):
    """A migrated, empty schema that waits for a tenant."""

    name = models.CharField(_("name"), max_length=63, unique=True)
    leaf_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("spare schema")
        verbose_name_plural = _("spare schemas")

    def __str__(self) -> str:
        return self.name


class SchemaTemplate(models.Model):
    """The SQL that builds a tenant's schema as the migrations of `leaf_hash` would."""

    leaf_hash = models.CharField(max_length=64, unique=True)
    sql = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.leaf_hash[:12]
