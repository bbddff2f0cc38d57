"""What the verbs of incidents ask for."""

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.forms.changes import ChangeForm
from hypercare.forms.fields import (
    AgentField,
    BacklogItemField,
    ChangeRequestField,
    ProjectField,
    ProjectMemberField,
    UpperLevelField,
)
from hypercare.models import Incident
from hypercare.rules import LONG_TEXT, levels_above
from hypercare.states import IncidentType, RootCauseCategory, Severity, SupportLevel
from tenancy.actors import Actor
from tenancy.errors import Invalid
from tenancy.web.forms import VerbForm


class EditForm(VerbForm):
    """What was reported, as it may be corrected; filled with what the incident says if there is one."""

    title = forms.CharField(label=_("Title"), max_length=255, help_text=_("What is wrong, in one line."))
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
        label=_("Description"), max_length=LONG_TEXT, required=False, widget=forms.Textarea
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for incident in subjects:
            self.initial.update({name: getattr(incident, name) for name in self.fields})


class ReportForm(EditForm):
    project = ProjectField(label=_("Project"))
    severity = forms.ChoiceField(
        label=_("Severity"),
        choices=lambda: [(level.value, f"{level.shape} {level.label}") for level in Severity],
        initial=Severity.P3,
    )

    field_order = ["project", "title", "severity"]


class AssignForm(VerbForm):
    """Begins with who has the one incident; with the actor where it is nobody's, and for a selection."""

    assigned_to_id = AgentField(label=_("To whom"), required=False, empty_label=_("nobody"))
    support_level = forms.ChoiceField(
        label=_("Support level"), choices=[("", _("as it is")), *SupportLevel.choices], required=False
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        has_it = subjects[0].assigned_to_id if len(subjects) == 1 else None
        self.initial["assigned_to_id"] = has_it or actor.user_id


class EscalateForm(VerbForm):
    support_level = forms.ChoiceField(label=_("To which level"), required=False)
    assigned_to_id = UpperLevelField(
        label=_("To whom"),
        required=False,
        empty_label=_("as it is"),
        help_text=_("Somebody of the new level; without a name it stays with who has it."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        help_text=_("Those of the new level read this; the customer does not."),
        widget=forms.Textarea,
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        above = [levels_above(incident.support_level) for incident in subjects]
        levels = [level for level in SupportLevel.values if all(level in those for those in above)]
        choices = [("", _("one level up")), *((level, level) for level in levels)]
        self.fields["support_level"].choices = choices  # type: ignore[attr-defined]  # of a ChoiceField


class ResolveForm(VerbForm):
    """Filled with what was written down of the cause before, if there is one incident."""

    root_cause = forms.CharField(label=_("Root cause"), max_length=LONG_TEXT, widget=forms.Textarea)
    root_cause_category = forms.ChoiceField(
        label=_("Category"), choices=[("", "–"), *RootCauseCategory.choices], required=False
    )
    resolution_notes = forms.CharField(
        label=_("What was done"),
        max_length=LONG_TEXT,
        widget=forms.Textarea,
        help_text=_("The customer reads the root cause once it is resolved."),
    )

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        if len(subjects) == 1:
            self.initial.update({name: getattr(subjects[0], name) for name in self.fields})


class CauseForm(ResolveForm):
    """What is known of the cause; all of it may still be open while the incident is."""

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for incident in subjects:
            for name in ("root_cause", "resolution_notes"):
                self.fields[name].required = not incident.is_open


class LinksForm(VerbForm):
    backlog_item_id = BacklogItemField(label=_("Backlog item"), required=False, empty_label=_("none"))
    change_request_id = ChangeRequestField(label=_("Change request"), required=False, empty_label=_("none"))
    requires_change_request = forms.BooleanField(label=_("Needs a change request"), required=False)

    def __init__(self, data: Any = None, *, actor: Actor, subjects: Sequence[Any] = ()):
        super().__init__(data, actor=actor, subjects=subjects)
        for incident in subjects:
            self.initial.update({name: getattr(incident, name) for name in self.fields})


class DraftChangeForm(ChangeForm):
    """A change request that begins with what its incident says."""

    def starts_as(self, subject: Incident) -> dict[str, Any]:
        shared = ("title", "severity", "affected_module", "description")
        return {name: getattr(subject, name) for name in shared}


class CommentForm(VerbForm):
    """What is said, and to whom. A public one is shown as the customer will get it before it is sent.

    `seen` is the digest of the text that was shown so: what is sent is what was seen.
    """

    INTERNAL, PUBLIC = "internal", "public"

    audience = forms.ChoiceField(
        label=_("For whom"),
        choices=[
            (INTERNAL, _("internal: only us")),
            (PUBLIC, _("public: the customer reads it")),
        ],
        initial=INTERNAL,
        help_text=_(
            "The customer never sees an internal comment. A public one is shown to the customer with your name and "
            "mailed to who reported it; our first one is the first response."
        ),
    )
    content = forms.CharField(label=_("Comment"), max_length=LONG_TEXT, widget=forms.Textarea)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    help_template = "console/incident_preview.html"
    foreseen: Sequence[services.Foreseen] | None = None
    """The mails that the customer will get of it, while it is only shown."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        content = given.get("content")
        seen = given.pop("seen", "")
        if given.get("audience") != self.PUBLIC or not content:
            return given
        digest = hashlib.sha256(content.encode()).hexdigest()
        if seen != digest:
            self._show(content)
            data = cast("QueryDict", self.data).copy()
            data["seen"] = digest
            self.data = data
            self.add_error("seen", forms.ValidationError(_("Nothing is sent yet."), code="unseen"))
        return given

    def _show(self, content: str) -> None:
        (incident,) = self.subjects
        try:
            self.foreseen = services.foresee_comment(
                incident=incident, content=content, by=self.actor, now=timezone.now()
            )
        except Invalid as refusal:
            self.refuse(refusal)

    @property
    def is_shown_only(self) -> bool:
        """Whether nothing is wrong with it: it only waits to be sent."""
        return self.foreseen is not None and set(self.errors) == {"seen"}


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
