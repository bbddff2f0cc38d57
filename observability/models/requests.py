"""What was measured, by the minute and the hour: counts and times of requests, and levels of the machinery."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenancy.models import Tenant


class RequestMetric(models.Model):
    """The requests of one minute to one route of one tenant, whichever processes answered them.

    `codes` counts answers by HTTP status, `bins` by their duration in ms, each key the middle of a DDSketch bin: both
    are maps from text to count, and adding them up merges minutes, routes and processes. No path, no person, no
    content.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    route = models.CharField(_("route"), max_length=200)
    method = models.CharField(_("method"), max_length=8)
    minute = models.DateTimeField(_("minute"))
    codes = models.JSONField(_("answers by status"))
    bins = models.JSONField(_("answers by duration"))
    total_ms = models.FloatField(_("duration of all, ms"))

    class Meta:
        verbose_name = _("request metric")
        verbose_name_plural = _("request metrics")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "minute", "route", "method"], name="requestmetric_once"
            ),
            models.CheckConstraint(name="requestmetric_takes_time", condition=Q(total_ms__gte=0)),
        ]
        indexes = [models.Index(fields=["minute"], name="requestmetric_minute")]

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.minute:%Y-%m-%d %H:%M}"


class RequestHour(models.Model):
    """The sum of all RequestMetric rows of one tenant and hour, written with them: long spans are read from here."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    hour = models.DateTimeField(_("hour"))
    codes = models.JSONField(_("answers by status"))
    bins = models.JSONField(_("answers by duration"))

    class Meta:
        verbose_name = _("requests of an hour")
        verbose_name_plural = _("requests by the hour")
        constraints = [models.UniqueConstraint(fields=["hour", "tenant"], name="requesthour_once")]

    def __str__(self) -> str:
        return f"{self.tenant} {self.hour:%Y-%m-%d %H}"


class Gauge(models.Model):
    """The least, the most and the last of a level of the machinery within one minute: the depth of the queue, say."""

    name = models.CharField(_("name"), max_length=40)
    minute = models.DateTimeField(_("minute"))
    least = models.FloatField(_("least"))
    most = models.FloatField(_("most"))
    last = models.FloatField(_("last"))
    samples = models.PositiveIntegerField(_("samples"))

    class Meta:
        verbose_name = _("gauge")
        verbose_name_plural = _("gauges")
        constraints = [
            models.UniqueConstraint(fields=["name", "minute"], name="gauge_once"),
            models.CheckConstraint(
                name="gauge_in_order",
                condition=Q(least__lte=F("last"), most__gte=F("last"), samples__gte=1),
            ),
        ]
        indexes = [models.Index(fields=["minute"], name="gauge_minute")]

    def __str__(self) -> str:
        return f"{self.name} {self.minute:%Y-%m-%d %H:%M}"
