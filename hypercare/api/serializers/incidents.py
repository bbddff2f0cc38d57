"""Incidents, what is said about them, their stories, and what they come from."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext
from rest_framework import serializers

from hypercare.api.serializers.fields import Moment, SeverityField
from hypercare.models import BacklogItem, Comment, Incident
from hypercare.permissions import HIDDEN_FROM_CUSTOMERS, HIDDEN_UNTIL_RESOLVED
from hypercare.rules import LONG_TEXT
from hypercare.services import Person, incident_actions, public_data
from hypercare.states import (
    ClockKind,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    Source,
    SupportLevel,
    WorkItemKind,
)
from tenancy.actors import Actor
from tenancy.journal.models import Event
from tenancy.states import ActorKind, Language, Role
from tenancy.web.plain import PlainSerializer
from tenancy.web.serializers import StrictSerializer, TextField

MOST_USERS = 10_000_000  # not tunable: of the API, as its schema says
REASON = 500  # not tunable: the journal's width


class IncidentSerializer(PlainSerializer[Incident]):
    """An incident as `context["actor"]` may see it at `context["now"]`.

    Breaches are those of now, recorded or not; a deadline is null while its clock is paused. A customer sees neither
    support level nor what the incident comes from, and the root cause once it is resolved.
    """

    model = Incident
    columns = ("sla_response_breached", "sla_resolution_breached")

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    project_id = serializers.UUIDField()
    title = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=IncidentState.choices, source="state")
    severity = serializers.ChoiceField(choices=Severity.choices)
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, allow_blank=True)
    affected_module = serializers.CharField()
    affected_users_count = serializers.IntegerField(allow_null=True)
    # The source's name; DRF lifts fields out of the class.
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    reported_by_id = serializers.IntegerField(allow_null=True)
    reported_by_name = serializers.CharField(source="reported_by.name", allow_null=True, default=None)
    assigned_to_id = serializers.IntegerField(allow_null=True)
    assigned_to_name = serializers.CharField(source="assigned_to.name", allow_null=True, default=None)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True, required=False)
    created_at = Moment()
    sla_response_deadline = Moment(allow_null=True)
    sla_response_breached = serializers.SerializerMethodField()
    sla_resolution_deadline = Moment(allow_null=True)
    sla_resolution_breached = serializers.SerializerMethodField()
    first_response_at = Moment(allow_null=True)
    first_response_by_id = serializers.IntegerField(allow_null=True)
    waiting_since = Moment(allow_null=True)
    waiting_reason = serializers.CharField(allow_blank=True)
    waiting_owner_id = serializers.IntegerField(allow_null=True)
    waiting_owner_name = serializers.CharField(source="waiting_owner.name", allow_null=True, default=None)
    resolved_at = Moment(allow_null=True)
    resolved_by_id = serializers.IntegerField(allow_null=True)
    closed_at = Moment(allow_null=True)
    closed_by_id = serializers.IntegerField(allow_null=True)
    reopened_count = serializers.IntegerField()
    root_cause = serializers.CharField(required=False)
    root_cause_category = serializers.ChoiceField(
        choices=RootCauseCategory.choices, allow_blank=True, required=False
    )
    resolution_notes = serializers.CharField(required=False)
    linked_backlog_item_id = serializers.UUIDField(source="backlog_item_id", allow_null=True, required=False)
    requires_change_request = serializers.BooleanField(required=False)
    change_request_id = serializers.UUIDField(allow_null=True)

    @cached_property
    def now(self) -> datetime:
        now: datetime = self.context["now"]
        return now

    @cached_property
    def is_for_a_customer(self) -> bool:
        actor: Actor = self.context["actor"]
        return not actor.at_least(Role.AGENT)

    def get_sla_response_breached(self, incident: Incident) -> bool:
        return incident.is_breached(ClockKind.RESPONSE, self.now)

    def get_sla_resolution_breached(self, incident: Incident) -> bool:
        return incident.is_breached(ClockKind.RESOLUTION, self.now)

    def to_representation(self, instance: Incident) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if self.is_for_a_customer:
            hidden = HIDDEN_FROM_CUSTOMERS["incident"]
            for name in hidden if instance.resolved_at else hidden | HIDDEN_UNTIL_RESOLVED:
                del shown[name]
        return shown


class IncidentDetailSerializer(IncidentSerializer):
    """One incident by itself, with what may be done to it.

    `allowed_actions` are the verbs that its state and the caller's rights allow now; `edit` is PUT and PATCH,
    `respond` the first response.
    """

    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, incident: Incident) -> list[str]:
        return incident_actions(incident, by=self.context["actor"], now=self.now)


class IncidentInput(StrictSerializer):
    title = TextField(max_length=255)
    description = TextField(max_length=LONG_TEXT, required=False, allow_blank=True)
    severity = SeverityField(required=False)
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, required=False, allow_blank=True)
    affected_module = TextField(max_length=20, required=False, allow_blank=True)
    affected_users_count = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MOST_USERS
    )


class IncidentChange(StrictSerializer):
    """All that is edited: a PUT gives everything, a PATCH some of it."""

    title = TextField(max_length=255)
    description = TextField(max_length=LONG_TEXT, allow_blank=True)
    severity = SeverityField()
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, allow_blank=True)
    affected_module = TextField(max_length=20, allow_blank=True)
    affected_users_count = serializers.IntegerField(allow_null=True, min_value=0, max_value=MOST_USERS)
    linked_backlog_item_id = serializers.UUIDField(source="backlog_item_id", allow_null=True)
    requires_change_request = serializers.BooleanField()
    change_request_id = serializers.UUIDField(allow_null=True)


class Nothing(StrictSerializer):
    """For verbs that take nothing."""


class AssignInput(StrictSerializer):
    assigned_to_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, allow_null=True)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, required=False)


class EscalateInput(StrictSerializer):
    """Why one level up, or to which one above, and to whom of that level."""

    reason = TextField(max_length=REASON)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, required=False)
    assigned_to_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class WaitInput(StrictSerializer):
    """Whom it waits for, and for what; the customer reads both."""

    reason = TextField(max_length=REASON)
    owner_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class ResolveInput(StrictSerializer):
    root_cause = TextField(max_length=LONG_TEXT)
    resolution_notes = TextField(max_length=LONG_TEXT)
    root_cause_category = serializers.ChoiceField(choices=RootCauseCategory.choices, required=False)


class ReopenInput(StrictSerializer):
    reason = TextField(max_length=REASON, required=False, allow_blank=True)


class CommentSerializer(serializers.Serializer[Comment]):
    """Names, never addresses. A customer is not told which of us was here under a grant: `author_id` is null then."""

    id = serializers.UUIDField()
    incident_id = serializers.UUIDField()
    author_id = serializers.IntegerField(allow_null=True)
    author_name = serializers.CharField(source="author.name")
    content = serializers.CharField()
    is_internal = serializers.BooleanField()
    created_at = Moment()

    def to_representation(self, instance: Comment) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        actor: Actor = self.context["actor"]
        if instance.author.staff_role and not actor.at_least(Role.AGENT):
            shown |= {"author_id": None, "author_name": gettext("Support")}
        return shown


class CommentInput(StrictSerializer):
    content = TextField(max_length=LONG_TEXT)
    is_internal = serializers.BooleanField(default=False)


class PreviewInput(StrictSerializer):
    content = TextField(max_length=LONG_TEXT)


class ForeseenMail(serializers.Serializer[Any]):
    """The mail that somebody will get, in their language."""

    name = serializers.CharField()
    language = serializers.ChoiceField(choices=Language.choices)
    subject = serializers.CharField(source="mail.subject")
    text = serializers.CharField(source="mail.text")
    html = serializers.CharField(source="mail.html")


class PreviewSerializer(serializers.Serializer[Any]):
    """The mails that a public comment will cause; none when nobody of the customer reported the incident."""

    mails = ForeseenMail(many=True)


class BacklogItemSerializer(serializers.Serializer[BacklogItem]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=WorkItemKind.choices)
    key = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField(allow_blank=True)
    created_at = Moment()


class BacklogItemInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=WorkItemKind.choices)
    key = TextField(max_length=40)
    title = TextField(max_length=255)
    url = TextField(max_length=500, required=False, allow_blank=True)


class WhoSerializer(serializers.Serializer[Any]):
    """Who did something: a name for people, what it is for the system; never an address.

    `is_ours`: not one of the customer's people; null for somebody who left, of whom it is not known any more.
    """

    kind = serializers.ChoiceField(choices=ActorKind.choices)
    user_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    is_ours = serializers.BooleanField(allow_null=True)


class TimelineSerializer(serializers.Serializer[Event]):
    """One line of the journal; `context["people"]` are its people by id, `context["texts"]` what they wrote, by
    the line's id."""

    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    at = Moment()
    verb = serializers.CharField()
    by = WhoSerializer(source="*")
    details = serializers.DictField()

    def to_representation(self, instance: Event) -> dict[str, Any]:
        actor: Actor = self.context["actor"]
        people: dict[int, Person] = self.context["people"]
        is_ours = actor.at_least(Role.AGENT)
        data = instance.data if is_ours else public_data(instance.verb, instance.data)
        person = instance.actor_id if is_ours or instance.actor_kind == ActorKind.MEMBER else None
        known = None if person is None else people.get(person)
        by = {
            "kind": instance.actor_kind,
            "user_id": person,
            "name": instance.actor_name if person is None else known.name if known else "",
            "is_ours": instance.actor_kind != ActorKind.MEMBER or (known and known.is_ours),
        }
        return {
            "id": str(instance.id),
            "seq": instance.seq,
            "at": self.fields["at"].to_representation(instance.at),
            "verb": instance.verb,
            "by": by,
            "details": {**data, **self.context["texts"].get(instance.pk, {})},
        }
