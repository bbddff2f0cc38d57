"""What the verbs of the public host's console ask for."""

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField

from tenancy.models import Segment
from tenancy.rules import SLUG
from tenancy.states import Language, Role, StaffRole
from tenancy.web.forms import ReasonForm, StaffField, TenantField, VerbForm

ON_OFF = [("", "–"), ("on", _("on")), ("off", _("off"))]


class TenantForm(VerbForm):
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("As the customer writes it."))
    slug = forms.RegexField(
        SLUG,
        label=_("Slug"),
        max_length=40,
        help_text=_("The first part of its host name: small letters, digits and hyphens. It never changes."),
    )
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices, initial=Language.TURKISH)
    segment = forms.ModelChoiceField(label=_("Segment"), queryset=Segment.objects.all(), required=False)


class SegmentForm(VerbForm):
    key = forms.SlugField(label=_("Key"), max_length=40)
    name = forms.CharField(label=_("Name"), max_length=80)


class MoveForm(VerbForm):
    segment = forms.ModelChoiceField(label=_("Segment"), queryset=Segment.objects.all(), required=False)


class PurgeForm(VerbForm):
    typed_slug = forms.CharField(
        label=_("Slug of the tenant, typed"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PersonForm(VerbForm):
    email = forms.EmailField(label=_("Email"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=120)
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "Twelve characters or more. Hand it over safely; the person changes it after signing in."
        ),
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices, initial=Language.TURKISH)
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")
    staff_role = forms.ChoiceField(
        label=_("Staff role"),
        choices=[("", _("none: a customer's person")), *StaffRole.choices],
        required=False,
        help_text=_("For our own people only. No staff role opens a tenant; a support grant does."),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class MembershipForm(VerbForm):
    """Brings a person, by email, into a tenant."""

    tenant = TenantField(label=_("Tenant"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class GrantForm(ReasonForm):
    field_order = ["user", "tenant", "reason", "ticket", "minutes", "writes"]

    user = StaffField(label=_("For whom"))
    tenant = TenantField(label=_("Tenant"))
    ticket = forms.CharField(label=_("Ticket"), max_length=80)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, initial=30)
    writes = forms.BooleanField(
        label=_("May write"),
        required=False,
        help_text=_("Without it, the person can look and change nothing. With it, they act like a manager."),
    )

    def clean_minutes(self) -> int:
        minutes: int = self.cleaned_data["minutes"]
        longest = settings.THRESHOLDS.access.GRANT_MAX_MINUTES
        if minutes > longest:
            raise ValidationError(_("%(longest)s minutes at most.") % {"longest": longest})
        return minutes


class SwitchForm(ReasonForm):
    """On or off has to be chosen; neither is preselected."""

    enabled = forms.TypedChoiceField(label=_("Switch"), choices=ON_OFF, coerce=lambda value: value == "on")


class TenantFlagForm(SwitchForm):
    field_order = ["tenant", "enabled", "reason"]

    tenant = TenantField(label=_("Tenant"))


class SegmentFlagForm(SwitchForm):
    field_order = ["segment", "enabled", "reason"]

    segment = forms.ModelChoiceField(label=_("Segment"), queryset=Segment.objects.all())


class RoleForm(VerbForm):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
