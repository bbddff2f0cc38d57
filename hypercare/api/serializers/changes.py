"""Change requests, the votes on them, and their stories."""

from datetime import date
from typing import Any

from django.core.validators import MaxValueValidator
from rest_framework import serializers

from hypercare import services
from hypercare.api.serializers.fields import Moment, SeverityField
from hypercare.api.serializers.incidents import TimelineSerializer
from hypercare.models import ChangeRequest, ChangeVote, Incident
from hypercare.permissions import HIDDEN_FROM_CUSTOMERS
from hypercare.rules import LONG_TEXT
from hypercare.states import ChangeState, ChangeType, Severity, Vote
from tenancy.actors import Actor
from tenancy.journal.models import Event
from tenancy.states import Role
from tenancy.web.serializers import StrictSerializer, TextField

# Planned and actual days: as far as any go-live may be.
DAYS = [MaxValueValidator(date(2100, 1, 1))]


class VoteSerializer(serializers.Serializer[ChangeVote]):
    """A vote of the board. One that an edit made void says since when."""

    user_id = serializers.IntegerField()
    user_name = serializers.CharField(source="user.name")
    vote = serializers.ChoiceField(choices=Vote.choices)
    reason = serializers.CharField(allow_blank=True)
    created_at = Moment()
    voided_at = Moment(allow_null=True)


class LinkedIncident(serializers.Serializer[Incident]):
    id = serializers.UUIDField()
    key = serializers.CharField()


class ChangeSerializer(serializers.Serializer[ChangeRequest]):
    """A change request as `context["actor"]` may see it; `context["on_board"]`: they sit on its board.

    `allowed_actions` are the verbs that its state and the caller's rights allow now; `edit` is PUT and PATCH.
    """

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    cr_number = serializers.CharField(source="key")
    version = serializers.IntegerField()
    project_id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    change_type = serializers.ChoiceField(choices=ChangeType.choices)
    priority = serializers.ChoiceField(choices=Severity.choices, source="severity")
    status = serializers.ChoiceField(choices=ChangeState.choices, source="state")
    affected_module = serializers.CharField()
    impact_assessment = serializers.CharField()
    rollback_plan = serializers.CharField()
    test_required = serializers.BooleanField()
    test_evidence = serializers.CharField()
    planned_implementation_date = serializers.DateField(allow_null=True)
    actual_implementation_date = serializers.DateField(allow_null=True)
    requested_by_id = serializers.IntegerField(allow_null=True)
    requested_by_name = serializers.CharField(source="requested_by.name", allow_null=True, default=None)
    created_at = Moment()
    submitted_by_id = serializers.IntegerField(allow_null=True)
    submitted_at = Moment(allow_null=True)
    approved_by_id = serializers.IntegerField(allow_null=True)
    approved_by_name = serializers.CharField(source="approved_by.name", allow_null=True, default=None)
    approved_at = Moment(allow_null=True)
    rejected_by_id = serializers.IntegerField(allow_null=True)
    rejected_by_name = serializers.CharField(source="rejected_by.name", allow_null=True, default=None)
    rejected_at = Moment(allow_null=True)
    rejection_reason = serializers.CharField(allow_blank=True)
    started_by_id = serializers.IntegerField(allow_null=True)
    started_at = Moment(allow_null=True)
    implemented_by_id = serializers.IntegerField(allow_null=True)
    implemented_at = Moment(allow_null=True)
    closed_by_id = serializers.IntegerField(allow_null=True)
    closed_at = Moment(allow_null=True)
    quorum = serializers.IntegerField(source="project.change_quorum")
    votes = VoteSerializer(many=True)
    incidents = LinkedIncident(many=True)
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, change: ChangeRequest) -> list[str]:
        actor: Actor = self.context["actor"]
        valid = {vote.user_id for vote in change.votes.all() if vote.voided_at is None}
        on_board: bool = self.context["on_board"]
        return services.allowed_actions(change, by=actor, on_board=on_board, has_voted=actor.user_id in valid)

    def to_representation(self, instance: ChangeRequest) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        actor: Actor = self.context["actor"]
        if not actor.at_least(Role.AGENT):
            for name in HIDDEN_FROM_CUSTOMERS["change_request"]:
                del shown[name]
        return shown


class ChangeEdit(StrictSerializer):
    """All that is edited: a PUT gives everything, a PATCH some of it."""

    title = TextField(max_length=255)
    description = TextField(max_length=LONG_TEXT, allow_blank=True)
    change_type = serializers.ChoiceField(choices=ChangeType.choices)
    priority = SeverityField(source="severity")
    affected_module = TextField(max_length=20, allow_blank=True)
    impact_assessment = TextField(max_length=LONG_TEXT, allow_blank=True)
    rollback_plan = TextField(max_length=LONG_TEXT, allow_blank=True)
    test_required = serializers.BooleanField()
    test_evidence = TextField(max_length=LONG_TEXT, allow_blank=True)
    planned_implementation_date = serializers.DateField(allow_null=True, validators=DAYS)


class ChangeDraft(StrictSerializer):
    title = TextField(max_length=255)
    description = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    change_type = serializers.ChoiceField(choices=ChangeType.choices)
    priority = SeverityField(source="severity", required=False)
    affected_module = TextField(max_length=20, required=False, allow_blank=True)
    impact_assessment = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    rollback_plan = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    test_required = serializers.BooleanField(required=False)
    test_evidence = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    planned_implementation_date = serializers.DateField(required=False, allow_null=True, validators=DAYS)
    incident_id = serializers.UUIDField(required=False, allow_null=True)


class RejectInput(StrictSerializer):
    reason = TextField(max_length=LONG_TEXT)


class ImplementInput(StrictSerializer):
    actual_implementation_date = serializers.DateField(required=False, validators=DAYS)
    test_evidence = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)


class ChangeTimelineSerializer(TimelineSerializer):
    """One line of the journal about a change request; context as its base's."""

    def to_representation(self, instance: Event) -> dict[str, Any]:
        shown = super().to_representation(instance)
        actor: Actor = self.context["actor"]
        if not actor.at_least(Role.AGENT):
            shown["details"] |= services.public_change_data(instance.verb, instance.data)
        return shown
