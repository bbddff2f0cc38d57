"""What the consoles ask for about alerts, silences and duties."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from observability import services
from observability.models import Alert
from observability.states import Owner
from tenancy.context import PUBLIC
from tenancy.errors import Refusal
from tenancy.web.forms import ReasonForm, StaffField, TenantField, VerbForm

THIS, ANY = "this", "any"


class AcknowledgeForm(VerbForm):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=services.LONGEST_NOTE,
        help_text=_("What you do about it. Kept in the journal. No personal data, please."),
        widget=forms.Textarea,
    )


class UntilForm(ReasonForm):
    """A reason and an end, in the reader's time zone."""

    ends_at = forms.DateTimeField(
        label=_("Until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("In your time zone. What is still in breach then is told."),
    )


class SilenceAlertForm(UntilForm):
    """For one alert: its rule or every rule, its tenant or all of them."""

    field_order = ["which", "where", "ends_at", "reason"]

    which = forms.ChoiceField(label=_("Rule"))
    where = forms.ChoiceField(label=_("Tenant"))

    def __init__(self, *args: Any, subjects: Any = (), **kwargs: Any):
        super().__init__(*args, subjects=subjects, **kwargs)
        for alert in subjects:
            self._offer(alert)

    def _offer(self, alert: Alert) -> None:
        public = alert.tenant.schema_name == PUBLIC
        own = _("only the platform") if public else _("only %(tenant)s") % {"tenant": alert.tenant.name}
        rule = _("only %(rule)s") % {"rule": alert.rule}
        which, where = self.fields["which"], self.fields["where"]
        cast(forms.ChoiceField, which).choices = [(THIS, rule), (ANY, _("every rule"))]
        cast(forms.ChoiceField, where).choices = [(THIS, own), (ANY, _("all tenants and the platform"))]


def rules() -> list[tuple[str, Any]]:
    """To choose from; nothing is chosen yet, for every rule is much."""
    each = ((alarm.name, alarm.name) for alarm in settings.THRESHOLDS.watched())
    return [("", "–"), *each, (ANY, _("every rule"))]


class SilenceForm(UntilForm):
    field_order = ["rule", "tenant", "ends_at", "reason"]

    rule = forms.ChoiceField(label=_("Rule"), choices=rules)
    tenant = TenantField(label=_("Tenant"), required=False, empty_label=_("all tenants and the platform"))


class DutyForm(VerbForm):
    owner = forms.ChoiceField(label=_("Duty"), choices=Owner.choices)
    user = StaffField(label=_("Person"))


class RaiseForm(VerbForm):
    """Which project of the alert's tenant, how bad, and what it is called."""

    project = forms.ChoiceField(label=_("Project"))
    severity = forms.ChoiceField(label=_("Severity"))
    title = forms.CharField(label=_("Title"), max_length=services.LONGEST_TITLE)

    def __init__(self, *args: Any, subjects: Any = (), **kwargs: Any):
        super().__init__(*args, subjects=subjects, **kwargs)
        for alert in subjects:
            self._offer(alert, timezone.now())

    def _offer(self, alert: Alert, now: datetime) -> None:
        project, severity = self.fields["project"], self.fields["severity"]
        try:
            offered = services.projects_for(alert, by=self.actor, now=now)
        except Refusal as refusal:
            offered, project.help_text = [], str(refusal)
        how = services.raiser()
        cast(forms.ChoiceField, project).choices = offered
        cast(forms.ChoiceField, severity).choices = how.severities
        severity.initial = how.severity_for(alert)
        self.fields["title"].initial = _("Alert %(rule)s at %(tenant)s") % {
            "rule": alert.rule,
            "tenant": alert.tenant.name,
        }
