"""What the consoles ask for when a day is to be summarised."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tenancy.web.forms import TenantField, VerbForm


class SummariseForm(VerbForm):
    day = forms.DateField(
        label=_("Day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("In the tenant's time zone. Empty: what is over of today."),
    )


class SummariseTenantForm(SummariseForm):
    tenant = TenantField(label=_("Tenant"))

    field_order = ["tenant", "day"]
