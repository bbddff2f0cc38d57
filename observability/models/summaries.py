"""How a tenant's day went, as it was counted at its end."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from observability.states import SummaryKind
from tenancy.models import Tenant


class RunSummary(models.Model):
    """The run summary of one tenant for one period, valid against run_summary.schema.json; counts, no content.

    `kind` tells a whole day from what somebody asked for. Days of a tenant never overlap.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant"))
    kind = models.CharField(_("kind"), max_length=16, choices=SummaryKind)
    start = models.DateTimeField(_("from"))
    end = models.DateTimeField(_("until"))
    generated_at = models.DateTimeField(_("generated at"))
    body = models.JSONField(_("figures"))

    class Meta:
        verbose_name = _("run summary")
        verbose_name_plural = _("run summaries")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "start", "end"], name="runsummary_once"),
            models.CheckConstraint(name="runsummary_has_length", condition=Q(end__gt=F("start"))),
            models.CheckConstraint(name="runsummary_of_what_was", condition=Q(generated_at__gte=F("end"))),
            models.CheckConstraint(name="runsummary_kind_known", condition=Q(kind__in=SummaryKind.values)),
        ]
        indexes = [models.Index(fields=["-start"], name="runsummary_newest")]

    def __str__(self) -> str:
        return f"{self.body['tenant_id']} {self.body['period']['day']}"
