"""What the verbs of change requests ask for."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from hypercare.forms.fields import ProjectField
from hypercare.models import ChangeVote
from hypercare.rules import LONG_TEXT
from hypercare.states import ChangeType, Severity
from tenancy.actors import Actor
from tenancy.web.forms import VerbForm


class ChangeForm(VerbForm):
    """What people write of a change request; filled with what it says if there is one."""

    title = forms.CharField(label=_("Title"), max_length=255)
    change_type = forms.ChoiceField(label=_("Type"), choices=ChangeType.choices)
    severity = forms.ChoiceField(
        label=_("Priority"),
        choices=lambda: [(level.value, f"{level.shape} {level.label}") for level in Severity],
        initial=Severity.P3,
    )
    affected_module = forms.CharField(
        label=_("Module"), max_length=20, required=False, help_text=_("FI, MM, SD and the like.")
    )
    planned_implementation_date = forms.DateField(
        label=_("Planned for"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    description = forms.CharField(
        label=_("Description"), max_length=LONG_TEXT, required=False, widget=forms.Textarea
    )
    impact_assessment = forms.CharField(
        label=_("Impact"), max_length=LONG_TEXT, required=False, widget=forms.Textarea
    )
    rollback_plan = forms.CharField(
        label=_("Rollback plan"),
        max_length=LONG_TEXT,
        required=False,
        widget=forms.Textarea,
        help_text=_("The board decides on nothing that cannot be taken back."),
    )
    test_required = forms.BooleanField(label=_("Test required"), required=False, initial=True)

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for subject in subjects:
            self.initial.update(self.starts_as(subject))

    def starts_as(self, subject: Any) -> dict[str, Any]:
        """What the fields say at first."""
        return {name: getattr(subject, name) for name in self.fields}


class EditForm(ChangeForm):
    """Says whose votes saving makes void."""

    help_template = "console/change_voids.html"

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        votes = ChangeVote.objects.filter(change_request__in=subjects, voided_at=None).order_by("id")
        self.voters = list(votes.values_list("user__name", flat=True))


class DraftForm(ChangeForm):
    project = ProjectField(label=_("Project"))

    field_order = ["project"]


class RejectForm(VerbForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONG_TEXT,
        help_text=_("Who asked for it reads this."),
        widget=forms.Textarea,
    )


class ImplementForm(VerbForm):
    actual_implementation_date = forms.DateField(
        label=_("Implemented on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Empty: today."),
    )
    test_evidence = forms.CharField(
        label=_("Test evidence"), max_length=LONG_TEXT, required=False, widget=forms.Textarea
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for change in subjects:
            self.initial["test_evidence"] = change.test_evidence
