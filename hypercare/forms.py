"""What the verbs of the tenant's console ask for."""

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from timezone_field.forms import TimeZoneFormField

from hypercare.models import CODE, Program, Project
from hypercare.states import IncidentType, RootCauseCategory, Severity, SupportLevel
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
