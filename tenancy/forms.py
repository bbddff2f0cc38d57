"""What the verbs of the consoles ask for."""

import json
from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenancy import services
from tenancy.context import current_tenant
from tenancy.models import Preference, Segment
from tenancy.rules import SLUG
from tenancy.states import Language, NoticeLevel, Role, StaffRole
from tenancy.web.forms import MemberField, ReasonForm, StaffField, TenantField, Theirs, VerbForm

ON_OFF = [("", "–"), ("on", _("on")), ("off", _("off"))]


class EditForm(VerbForm):
    """Begins with what its row says. Sent after somebody else changed the row, it comes back with their words beside.

    For rows without a version: the form carries a mark of what each field said. To send it again is to decide.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        (row,) = self.subjects
        self.initial = {name: getattr(row, name) for name in self.fields if name != "seen"}
        self._now = {name: mark for name, mark in self.marks().items() if name != "seen"}
        self.initial["seen"] = json.dumps(self._now)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        seen = self._seen()
        changed = [name for name, mark in self._now.items() if seen.get(name) != mark]
        if changed:
            self.theirs = {name: Theirs(self.says(name), "", None) for name in changed}
            self.data = {**{name: self.data[name] for name in self.data}, "seen": self.initial["seen"]}
            raise ValidationError(
                _(
                    "Somebody changed this while you wrote. What you wrote is kept; "
                    "save again to put it in place of theirs."
                ),
                code="changed_meanwhile",
            )
        return cleaned

    def _seen(self) -> dict[str, Any]:
        try:
            given = json.loads(self.data.get("seen", ""))
        except ValueError:
            return {}
        return given if isinstance(given, dict) else {}


class TenantForm(VerbForm):
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("As the customer writes it."))
    slug = forms.RegexField(
        SLUG,
        label=_("Slug"),
        max_length=40,
        help_text=_("The first part of its host name: small letters, digits and hyphens. It never changes."),
        error_messages={
            "invalid": _("Three to forty small letters, digits and hyphens; a letter first, no hyphen last.")
        },
    )
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices, initial=Language.TURKISH)
    segment = forms.ModelChoiceField(label=_("Segment"), queryset=Segment.objects.all(), required=False)


class TenantChangeForm(EditForm):
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("As the customer writes it."))
    time_zone = TimeZoneFormField(label=_("Time zone"))
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)


class SegmentForm(VerbForm):
    key = forms.SlugField(label=_("Key"), max_length=40)
    name = forms.CharField(label=_("Name"), max_length=80)


class SegmentChangeForm(EditForm):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("Its key stays."))


class MoveForm(VerbForm):
    """Begins with the segment that the tenant is in."""

    segment = forms.ModelChoiceField(
        label=_("Segment"), queryset=Segment.objects.all(), required=False, empty_label=_("no segment")
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for tenant in self.subjects:
            self.initial["segment"] = tenant.segment_id


class PurgeForm(VerbForm):
    typed_slug = forms.CharField(
        label=_("Slug of the tenant, typed"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for tenant in self.subjects:
            self.fields["typed_slug"].help_text = _("It is %(slug)s.") % {"slug": tenant.slug}


class PersonForm(VerbForm):
    email = forms.EmailField(label=_("Email"), max_length=254)
    name = forms.CharField(label=_("Name"), max_length=120)
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "Leave it empty, and the person gets a mail with a link to set one. "
            "Otherwise twelve characters or more, handed over safely."
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
        if password:
            validate_password(password)
        return password


class PersonChangeForm(EditForm):
    name = forms.CharField(label=_("Name"), max_length=120)
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    time_zone = TimeZoneFormField(label=_("Time zone"))


class StaffRoleForm(ReasonForm):
    """The role has to be chosen; none is preselected."""

    field_order = ["staff_role", "reason"]

    staff_role = forms.ChoiceField(
        label=_("Staff role"),
        choices=[("", "–"), *StaffRole.choices, ("none", _("none: a customer's person"))],
        help_text=_("For our own people only. No staff role opens a tenant; a support grant does."),
    )

    def clean_staff_role(self) -> str:
        role: str = self.cleaned_data["staff_role"]
        return "" if role == "none" else role


class PasswordForm(VerbForm):
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Twelve characters or more. Hand it over safely."),
    )


class AnonymiseForm(VerbForm):
    typed_email = forms.CharField(
        label=_("Email of the person, typed"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_typed_email(self) -> str:
        typed: str = self.cleaned_data["typed_email"]
        if typed.casefold() != self.subjects[0].email.casefold():
            raise ValidationError(_("Type the email of the person who is to be made anonymous."))
        return typed


class InviteForm(VerbForm):
    """Brings a person, by email, into one tenant, whether or not anybody knows them yet."""

    email = forms.EmailField(label=_("Email"), max_length=254)
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("Needed for somebody who is new here; they get a mail with a link to set a password."),
    )
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class MembershipForm(VerbForm):
    """Brings a person, by email, into a tenant."""

    tenant = TenantField(label=_("Tenant"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class GrantForm(ReasonForm):
    field_order = ["user", "tenant", "reason", "ticket", "minutes", "writes"]
    from_address = ["tenant"]

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
    from_address = ["tenant"]

    tenant = TenantField(label=_("Tenant"))


class SegmentFlagForm(SwitchForm):
    field_order = ["segment", "enabled", "reason"]
    from_address = ["segment"]

    segment = forms.ModelChoiceField(label=_("Segment"), queryset=Segment.objects.all())


class RoleForm(VerbForm):
    """Begins with the role that the member has."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        (member,) = self.subjects
        self.initial["role"] = member.role


class LeaveForm(VerbForm):
    """What staff may decide and a tenant's own people may not."""

    leave_without_admin = forms.BooleanField(
        label=_("The tenant may be left without an admin"),
        required=False,
        help_text=_("Needed for its last admin only. Nobody in the tenant can then let anybody in."),
    )


class StaffsRoleForm(LeaveForm, RoleForm):
    """A member's role, changed by us."""

    field_order = ["role", "leave_without_admin"]


# ---- endpoints ------------------------------------------------------------------------------------------------


class SecretInput(forms.PasswordInput):
    """Typed in, never shown: not while it is typed and not when the form comes back."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off"})


class EventsField(forms.CharField):
    """Names of events, one a line; `*` is all of them. For a channel that takes any event."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return (super().to_python(value) or "").split()


class EndpointForm(VerbForm):
    """What every endpoint has. Which events can be chosen depends on what its channel can carry."""

    field_order = ["name", "address", "secret", "verbs", "urgent_only", "scope", "language", "time_zone"]
    channel = ""

    name = forms.CharField(label=_("Name"), max_length=80)
    verbs: forms.Field = forms.Field()
    urgent_only = forms.BooleanField(
        label=_("Only P1 and P2"), required=False, help_text=_("What is about anything less is left out.")
    )
    scope = forms.TypedChoiceField(label=_("Project"), coerce=UUID, empty_value=None, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices, initial=Language.TURKISH)
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["verbs"] = self._events(self.channel_of())
        self._dress("verbs", self.fields["verbs"])
        self._offer_scopes()

    def channel_of(self) -> str:
        return self.channel

    def _events(self, channel: str) -> forms.Field:
        if services.takes_any_event(channel):
            text = _("Names as the journal has them, one a line; * is everything.")
            return EventsField(label=_("Events"), initial=["*"], help_text=text)
        events = services.events_of(channel, services.tenant_here())
        return forms.MultipleChoiceField(
            label=_("Events"),
            choices=[(verb, f"{services.words_of(verb)} ({verb})") for verb in events],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
        )

    def _offer_scopes(self) -> None:
        offered = self._scopes()
        if offered:
            cast(forms.ChoiceField, self.fields["scope"]).choices = [("", _("all projects")), *offered]
        else:
            del self.fields["scope"]

    def _scopes(self) -> list[tuple[str, Any]]:
        return [(str(scope), name) for scope, name in services.scopes_for(self.actor).items()]

    def _dress(self, name: str, field: forms.Field) -> None:
        if not isinstance(field.widget, forms.CheckboxSelectMultiple):
            super()._dress(name, field)


class WebhookForm(EndpointForm):
    channel = services.WEBHOOK

    address = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Where we post to: a whole address that begins with https://."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )


class SlackForm(EndpointForm):
    channel = services.SLACK

    address = forms.CharField(
        label=_("Channel's id"),
        max_length=40,
        help_text=_("At the bottom of the channel's details in Slack; it begins with C or G."),
    )
    secret = forms.CharField(
        label=_("Bot's token"),
        widget=SecretInput,
        help_text=_("Begins with xoxb-. The bot has to be in the channel."),
    )


class SlackWebhookForm(EndpointForm):
    channel = services.SLACK_WEBHOOK

    secret = forms.CharField(
        label=_("Webhook's address"),
        widget=SecretInput,
        help_text=_("As Slack shows it. Whoever knows it can post, so it is kept like a password."),
    )


class PagerDutyForm(EndpointForm):
    channel = services.PAGERDUTY

    secret = forms.CharField(
        label=_("Routing key"),
        widget=SecretInput,
        help_text=_("Of an Events API v2 integration: 32 letters and digits."),
    )


class EndpointChangeForm(EndpointForm):
    """Begins with what the endpoint is now. Its channel and its secret are not changed here."""

    address = forms.CharField(label=_("Address"), max_length=500)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        (endpoint,) = self.subjects
        self.initial = {name: getattr(endpoint, name) for name in self.fields}
        if not endpoint.address:
            del self.fields["address"]

    def _scopes(self) -> list[tuple[str, Any]]:
        """The actor's, and the one that is set, whoever set it."""
        seen = super()._scopes()
        scope = self.subjects[0].scope
        if scope is None or str(scope) in dict(seen):
            return seen
        return [*seen, (str(scope), _("a project that you do not see"))]

    def channel_of(self) -> str:
        channel: str = self.subjects[0].channel
        return channel


class RotateForm(VerbForm):
    """Asks for the new secret, unless we make it."""

    secret = forms.CharField(label=_("New secret"), widget=SecretInput)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.subjects[0].channel == services.WEBHOOK:
            del self.fields["secret"]


# ---- notifications --------------------------------------------------------------------------------------------


class TimeInput(forms.TimeInput):
    """The browser's own."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class PreferenceForm(VerbForm):
    level = forms.ChoiceField(label=_("Tell me"), choices=NoticeLevel.choices, initial=NoticeLevel.ALL)


class DefaultPreferenceForm(PreferenceForm):
    """Begins with what is set now."""

    quiet_from = forms.TimeField(label=_("Quiet from"), required=False, widget=TimeInput)
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        required=False,
        widget=TimeInput,
        help_text=_("In your own time zone. What is not urgent waits for their end; P1 and P2 never wait."),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        mine = Preference.objects.filter(user=self.actor.user_id, tenant=current_tenant(), scope=None).first()
        if mine:
            self.initial = {name: getattr(mine, name) for name in self.fields}


class ScopedPreferenceForm(PreferenceForm):
    field_order = ["scope", "level"]

    scope = forms.TypedChoiceField(label=_("Project"), coerce=UUID)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        offered = [(str(scope), name) for scope, name in services.scopes_for(self.actor).items()]
        cast(forms.ChoiceField, self.fields["scope"]).choices = offered


# ---- tokens ---------------------------------------------------------------------------------------------------


class TokenForm(VerbForm):
    """What every token has."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What the script is called."))
    days = forms.IntegerField(label=_("Days"), min_value=1, initial=90)
    read_only = forms.BooleanField(
        label=_("Read only"), required=False, help_text=_("It can look, and change nothing.")
    )

    def clean_days(self) -> int:
        days: int = self.cleaned_data["days"]
        longest = settings.THRESHOLDS.access.TOKEN_MAX_DAYS
        if days > longest:
            raise ValidationError(_("%(longest)s days at most.") % {"longest": longest})
        return days


class MembersTokenForm(TokenForm):
    field_order = ["user", "name", "days", "read_only"]

    user = MemberField(label=_("For whom"))


class StaffTokenForm(TokenForm):
    field_order = ["user", "tenant", "name", "days", "read_only"]

    user = StaffField(label=_("For whom"))
    tenant = TenantField(
        label=_("Tenant"),
        required=False,
        help_text=_(
            "None: the operations console. In a tenant it opens nothing without a live support grant."
        ),
    )
