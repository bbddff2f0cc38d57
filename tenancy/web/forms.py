"""The base of the console's forms: what a verb asks for, in the console's looks."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES, UnfoldBooleanSwitchWidget

from tenancy.actors import Actor
from tenancy.context import PUBLIC, current_tenant
from tenancy.errors import Conflict, Refusal
from tenancy.models import Tenant, User
from tenancy.states import TenantState


class LateChoices(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice among rows that are looked up when the form is made, never when the class is."""

    model: type[Model]

    def __init__(self, **kwargs: Any):
        super().__init__(queryset=self.model._default_manager.none(), **kwargs)

    def rows(self, form: "VerbForm") -> "QuerySet[Any]":
        """What may be chosen, for the actor and the rows of `form`."""
        raise NotImplementedError


class MemberField(LateChoices):
    """One of the current tenant's active members."""

    model = User

    def rows(self, form: "VerbForm") -> "QuerySet[User]":
        return User.objects.filter(memberships__tenant=current_tenant(), is_active=True).order_by(
            "name", "id"
        )


class StaffField(LateChoices):
    """One of us who is active."""

    model = User

    def rows(self, form: "VerbForm") -> "QuerySet[User]":
        return User.objects.exclude(staff_role="").filter(is_active=True)


class TenantField(LateChoices):
    """A customer's tenant that is not purged; the operations console's own row is none."""

    model = Tenant

    def rows(self, form: "VerbForm") -> "QuerySet[Tenant]":
        return Tenant.objects.exclude(schema_name=PUBLIC).exclude(state=TenantState.PURGED)


@dataclass(frozen=True, slots=True)
class Theirs:
    """What somebody else made of a field meanwhile: what it says now, who changed it, and when."""

    says: str
    who: str
    at: datetime | None


class VerbForm(forms.Form):
    """What a verb asks for. Empty, it asks for a confirmation only.

    `from_address` names the fields that the address of the form may fill in (`?list=…`).
    """

    required_css_class = "required"
    from_address: Sequence[str] = ()
    help_template = ""
    """What is shown above the fields besides the verb's explanation."""
    abreast = 1
    """Fields side by side where the screen is wide: 1, 2 or 3."""

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data)
        self.actor = actor
        self.subjects = subjects
        self.theirs: Mapping[str, Theirs] = {}
        for name, field in self.fields.items():
            if isinstance(field, LateChoices):
                field.queryset = field.rows(self)
            self._dress(name, field)

    def _dress(self, name: str, field: forms.Field) -> None:
        widget = field.widget
        if isinstance(widget, forms.CheckboxInput):
            field.widget = UnfoldBooleanSwitchWidget(attrs=widget.attrs)
        elif isinstance(widget, forms.Select):
            widget.attrs["class"] = " ".join(SELECT_CLASSES)
        elif isinstance(widget, forms.Textarea):
            widget.attrs |= {"class": " ".join(TEXTAREA_CLASSES), "rows": 4}
        else:
            widget.attrs["class"] = " ".join(INPUT_CLASSES)
        if isinstance(widget, forms.FileInput):
            widget.attrs["class"] = "hc-file"
        if field.help_text:
            widget.attrs.setdefault("aria-describedby", f"id_{name}_helptext")

    def refuse(self, refusal: Refusal) -> None:
        """Show a verb's refusal beside the fields at fault, or above the form."""
        at_fault = {name: list(why) for name, why in refusal.fields.items() if name in self.fields}
        for name, why in at_fault.items():
            for message in why:
                self.add_error(name, str(message))
        if not at_fault:
            self.add_error(None, str(refusal))
        if isinstance(refusal, Conflict) and refusal.legal_moves:
            moves = ", ".join(str(getattr(move, "label", move)) for move in refusal.legal_moves)
            self.add_error(None, _("Possible now: %(moves)s.") % {"moves": moves})

    def lines(self) -> "Iterator[tuple[forms.BoundField, Theirs | None]]":
        """Each field, with what somebody else made of it."""
        for field in self:
            yield field, self.theirs.get(field.name)

    def marks(self) -> dict[str, str]:
        """What each field said when this form was made, as short digests: how a later look knows what changed."""
        return {name: hashlib.sha256(repr(self._raw(name)).encode()).hexdigest()[:12] for name in self.fields}

    def says(self, name: str) -> str:
        """What a field says at first, in words."""
        field, value = self.fields[name], self._raw(name)
        if isinstance(field, forms.ModelChoiceField):
            rows = field.queryset
            row = rows.filter(pk=value).first() if rows is not None and value not in (None, "") else None
            return str(row) if row else "–"
        if isinstance(field, forms.BooleanField):
            return gettext("yes") if value else gettext("no")
        if isinstance(field, forms.ChoiceField):
            words = {str(key): str(label) for key, label in field.widget.choices}
            chosen = value if isinstance(value, list | tuple) else [value]
            return ", ".join(words.get(str(key), str(key)) for key in chosen if key not in (None, "")) or "–"
        if isinstance(value, datetime):
            value = timezone.localtime(value) if timezone.is_aware(value) else value
            return f"{value:%Y-%m-%d %H:%M}"
        return str(formats.localize_input(value)) if value not in (None, "") else "–"

    def _raw(self, name: str) -> Any:
        field = self.fields[name]
        return field.prepare_value(self.get_initial_for_field(field, name))


class ReasonForm(VerbForm):
    """A verb that wants to know why; the journal keeps the answer."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Kept in the journal. No personal data, please."),
        widget=forms.Textarea,
    )
