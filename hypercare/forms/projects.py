"""What the verbs of programs and projects ask for."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField

from hypercare.forms.fields import (
    CODE_HELP,
    NewMemberField,
    ProgramField,
    ProjectField,
    ProjectsMemberField,
)
from hypercare.models import CODE
from hypercare.states import SupportLevel, WorkItemKind
from tenancy.actors import Actor
from tenancy.web.forms import VerbForm


class ProgramForm(VerbForm):
    """Filled with what the program says if there is one."""

    code = forms.RegexField(CODE, label=_("Code"), max_length=20, help_text=CODE_HELP)
    name = forms.CharField(label=_("Name"), max_length=120)

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for row in subjects:
            self.initial.update({name: getattr(row, name) for name in self.fields})


class ProjectForm(ProgramForm):
    """Filled with what the project says if there is one."""

    go_live_at = forms.DateTimeField(
        label=_("Go-live"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("In your time zone."),
    )
    hypercare_ends_on = forms.DateField(
        label=_("Hypercare ends on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("In the project's time zone; on or after the day of the go-live."),
    )
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")


class NewProjectForm(ProjectForm):
    program = ProgramField(label=_("Program"))

    field_order = ["program"]


class QuorumForm(VerbForm):
    quorum = forms.IntegerField(
        label=_("Approvals needed"),
        min_value=1,
        max_value=100,
        help_text=_("From one to the number of people on the change board."),
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for project in subjects:
            self.initial["quorum"] = project.change_quorum


class SeatForm(VerbForm):
    """What somebody is on a project."""

    support_level = forms.ChoiceField(
        label=_("Support level"), choices=[("", "–"), *SupportLevel.choices], required=False
    )
    is_board_member = forms.BooleanField(label=_("On the change board"), required=False)


class JoinForm(SeatForm):
    user_id = NewMemberField(label=_("Who"))

    field_order = ["user_id"]


class ChangeMemberForm(SeatForm):
    member = ProjectsMemberField(label=_("Who"))

    field_order = ["member"]
    from_address = ("member", "support_level", "is_board_member")


class RemoveMemberForm(VerbForm):
    member = ProjectsMemberField(label=_("Who"))

    from_address = ("member",)


class BacklogItemForm(VerbForm):
    """Filled with what the item says if there is one."""

    kind = forms.ChoiceField(label=_("Kind"), choices=WorkItemKind.choices)
    key = forms.CharField(label=_("Key"), max_length=40, help_text=_("As the customer's backlog names it."))
    title = forms.CharField(label=_("Title"), max_length=255)
    url = forms.URLField(label=_("Address"), max_length=500, required=False, assume_scheme="https")

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for row in subjects:
            self.initial.update({name: getattr(row, name) for name in self.fields})


class NewBacklogItemForm(BacklogItemForm):
    project = ProjectField(label=_("Project"))

    field_order = ["project"]
