"""What is counted because it may be somebody trying doors."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.models.tenants import Tenant
from tenancy.states import Signal


class SecurityCount(models.Model):
    """How often `signal` was seen in a tenant in one minute. Counts alone: who and what stand in the log."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    signal = models.CharField(_("signal"), max_length=40, choices=Signal)
    minute = models.DateTimeField(_("minute"))
    count = models.PositiveIntegerField(_("count"))

    class Meta:
        verbose_name = _("security count")
        verbose_name_plural = _("security counts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "signal", "minute"], name="securitycount_once"),
            models.CheckConstraint(name="securitycount_positive", condition=Q(count__gte=1)),
        ]
        indexes = [models.Index(fields=["minute"], name="securitycount_minute")]

    def __str__(self) -> str:
        return f"{self.signal} {self.minute:%Y-%m-%d %H:%M}"
