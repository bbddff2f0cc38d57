"""What the verbs of the tenant's console ask for."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField

from hypercare.models import CODE, Program, Project
from hypercare.rules import LONG_TEXT
from hypercare.states import ChangeType, IncidentType, RootCauseCategory, Severity, SupportLevel
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.models import User
from tenancy.states import Role
from tenancy.web.forms import LateChoices, MemberField, VerbForm

ANSWERING = (Role.AGENT, Role.MANAGER, Role.ADMIN)
CODE_HELP = _("Capital letters, digits and hyphens, a letter first.")


class ProgramField(LateChoices):
    model = Program

    def rows(self, form: VerbForm) -> "QuerySet[Program]":
        return Program.objects.visible_to(form.actor, current_tenant())


class ProjectField(LateChoices):
    model = Project

    def rows(self, form: VerbForm) -> "QuerySet[Project]":
        return Project.objects.visible_to(form.actor, current_tenant())


class AgentField(MemberField):
    """Agents and above who are on the projects of all the chosen incidents."""

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        here = {"memberships__tenant": current_tenant(), "memberships__role__in": ANSWERING}
        agents = User.objects.filter(**here, is_active=True).order_by("name", "id")
        for project in {incident.project for incident in form.subjects}:
            agents = agents.filter(pk__in=list(project.members.values_list("user_id", flat=True)))
        return agents


class ProjectMemberField(LateChoices):
    """Anybody who is on the projects of all the chosen incidents, customers too."""

    model = User

    def rows(self, form: VerbForm) -> "QuerySet[User]":
        people = User.objects.filter(memberships__tenant=current_tenant(), is_active=True).order_by(
            "name", "id"
        )
        for project in {incident.project for incident in form.subjects}:
            people = people.filter(pk__in=list(project.members.values_list("user_id", flat=True)))
        return people


class ReportForm(VerbForm):
    project = ProjectField(label=_("Project"))
    title = forms.CharField(label=_("Title"), max_length=255, help_text=_("What is wrong, in one line."))
    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=lambda: [(level.value, f"{level.shape} {level.label}") for level in Severity],
        initial=Severity.P3,
    )
    incident_type = forms.ChoiceField(
        label=_("Type"), choices=[("", "–"), *IncidentType.choices], required=False
    )
    affected_module = forms.CharField(
        label=_("Module"), max_length=20, required=False, help_text=_("FI, MM, SD and the like.")
    )
    affected_users_count = forms.IntegerField(
        label=_("Affected users"), min_value=0, max_value=1_000_000, required=False
    )
    description = forms.CharField(
        label=_("Description"), max_length=20_000, required=False, widget=forms.Textarea
    )


class AssignForm(VerbForm):
    assigned_to_id = AgentField(label=_("To whom"), required=False, empty_label=_("nobody"))
    support_level = forms.ChoiceField(
        label=_("Support level"), choices=[("", _("as it is")), *SupportLevel.choices], required=False
    )


class ResolveForm(VerbForm):
    root_cause = forms.CharField(label=_("Root cause"), max_length=5_000, widget=forms.Textarea)
    root_cause_category = forms.ChoiceField(
        label=_("Category"), choices=[("", "–"), *RootCauseCategory.choices], required=False
    )
    resolution_notes = forms.CharField(
        label=_("What was done"),
        max_length=5_000,
        widget=forms.Textarea,
        help_text=_("The customer reads the root cause once it is resolved."),
    )


class CommentForm(VerbForm):
    INTERNAL, PUBLIC = "internal", "public"

    audience = forms.ChoiceField(
        label=_("For whom"),
        choices=[
            (INTERNAL, _("internal: those who work on it")),
            (PUBLIC, _("public: the customer reads it")),
        ],
        initial=INTERNAL,
        help_text=_(
            "The customer never sees an internal comment. A public one is shown to the customer with your name and "
            "mailed to who reported it; our first one is the first response."
        ),
    )
    content = forms.CharField(label=_("Comment"), max_length=LONG_TEXT, widget=forms.Textarea)


class WaitForm(VerbForm):
    owner_id = ProjectMemberField(label=_("Who has to answer"))
    reason = forms.CharField(
        label=_("Waiting for"),
        max_length=500,
        help_text=_("The customer reads this."),
        widget=forms.Textarea,
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for incident in subjects:
            self.initial["owner_id"] = incident.reported_by_id


class ReopenForm(VerbForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        required=False,
        help_text=_("The customer reads this."),
        widget=forms.Textarea,
    )


class SeverityForm(VerbForm):
    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=lambda: [(level.value, f"{level.shape} {level.label}") for level in Severity],
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for incident in subjects:
            self.initial["severity"] = incident.severity


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
        for change in subjects:
            self.initial.update({name: getattr(change, name) for name in self.fields})


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


class NewProgramForm(VerbForm):
    code = forms.RegexField(CODE, label=_("Code"), max_length=20, help_text=CODE_HELP)
    name = forms.CharField(label=_("Name"), max_length=120)


class NewProjectForm(VerbForm):
    program = ProgramField(label=_("Program"))
    code = forms.RegexField(CODE, label=_("Code"), max_length=20, help_text=CODE_HELP)
    name = forms.CharField(label=_("Name"), max_length=120)
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
    )
    time_zone = TimeZoneFormField(label=_("Time zone"), initial="Europe/Istanbul")


class JoinForm(VerbForm):
    user_id = MemberField(label=_("Who"))
    support_level = forms.ChoiceField(
        label=_("Support level"), choices=[("", "–"), *SupportLevel.choices], required=False
    )
    is_board_member = forms.BooleanField(label=_("On the change board"), required=False)
