"""What the verbs of saved views ask for."""

from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from hypercare.services import LONGEST_VIEW_NAME
from tenancy.permissions import may
from tenancy.web.admin import ModelAdmin, tenant_site
from tenancy.web.forms import VerbForm


def list_named(label: str) -> ModelAdmin | None:
    """The list of the tenant's console of this app and model ("hypercare.incident")."""
    return next(
        (admin for model, admin in tenant_site._registry.items() if model._meta.label_lower == label), None
    )


class RenameViewForm(VerbForm):
    name = forms.CharField(label=_("Name"), max_length=LONGEST_VIEW_NAME)
    is_shared = forms.BooleanField(
        label=_("For everybody"),
        required=False,
        help_text=_("Everybody who works here finds it above the list, with the rows that they may see."),
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not may(self.actor, "saved_view.share"):
            del self.fields["is_shared"]
        for view in self.subjects:
            self.initial.update({"name": view.name, "is_shared": view.is_shared})


class SaveViewForm(RenameViewForm):
    from_address = ("list", "query")

    list = forms.CharField(max_length=80, widget=forms.HiddenInput)
    query = forms.CharField(max_length=1000, required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Refuse a list that the actor does not see, and parameters that the list does not know."""
        cleaned = {"list": "", "query": "", **(super().clean() or self.cleaned_data)}
        admin = list_named(cleaned["list"])
        if admin is None or not may(self.actor, admin.read_action):
            raise ValidationError(_("There is no such list here."))
        for name, value in parse_qsl(cleaned["query"]):
            if not admin.knows(name, value):
                raise ValidationError(_("The list knows no %(name)s."), params={"name": name[:40]})
        return cleaned
