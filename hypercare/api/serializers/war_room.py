"""What the board of a project shows: described here for the schema, and written as the service's dataclasses are."""

from typing import Any

from rest_framework import serializers

from hypercare.api.serializers.fields import Moment
from hypercare.services import WarRoom
from hypercare.states import (
    ChangeState,
    ChangeType,
    ClockPhase,
    IncidentState,
    IncidentType,
    Light,
    Severity,
    SupportLevel,
)
from tenancy.states import Role


class ProjectHead(serializers.Serializer[Any]):
    """`go_live_day` is 0 on the day of the go-live, 12 twelve days later, negative before, null without one."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    program_name = serializers.CharField()
    time_zone = serializers.CharField()
    go_live_at = Moment(allow_null=True)
    go_live_day = serializers.IntegerField(allow_null=True)
    hypercare_ends_on = serializers.DateField(allow_null=True)
    change_quorum = serializers.IntegerField()


class ProjectRights(serializers.Serializer[Any]):
    """What the reader may do in the project at all."""

    report = serializers.BooleanField()
    comment_internally = serializers.BooleanField()
    assign = serializers.BooleanField()
    draft_change = serializers.BooleanField()


class SeverityTile(serializers.Serializer[Any]):
    """The open incidents of a severity. `next_due_at`: the earliest deadline that is still to come."""

    severity = serializers.ChoiceField(choices=Severity.choices)
    open = serializers.IntegerField()
    breached = serializers.IntegerField()
    at_risk = serializers.IntegerField()
    next_due_at = Moment(allow_null=True)
    last_closed_at = Moment(allow_null=True)


class BoardClock(serializers.Serializer[Any]):
    """A clock of an incident. Seconds are what it counted: without pauses, and of its calendar's hours alone.

    `due_at` is null while it is paused, `remaining_seconds` (negative once it is over) in any other phase. One that is
    not `round_the_clock` counts the hours of a calendar: its deadline is further away than what is left.
    """

    phase = serializers.ChoiceField(choices=[phase.value for phase in ClockPhase])
    target_seconds = serializers.FloatField()
    due_at = Moment(allow_null=True)
    elapsed_seconds = serializers.FloatField()
    remaining_seconds = serializers.FloatField(allow_null=True)
    fulfilled_at = Moment(allow_null=True)
    breached = serializers.BooleanField()
    round_the_clock = serializers.BooleanField()


class BoardIncident(serializers.Serializer[Any]):
    """An open incident. `support_level` is null for a customer.

    `next_due_at`: when the next of its running clocks is, or was, due; null while none runs. `is_at_risk`: nothing of
    it is breached, and a running clock has used `risk_percent` of its target.
    """

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=IncidentState.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)
    incident_type = serializers.ChoiceField(choices=IncidentType.choices, allow_blank=True)
    affected_module = serializers.CharField(allow_blank=True)
    affected_users_count = serializers.IntegerField(allow_null=True)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True, allow_null=True)
    assigned_to_id = serializers.IntegerField(allow_null=True)
    assigned_to_name = serializers.CharField(allow_null=True)
    reported_by_id = serializers.IntegerField(allow_null=True)
    reported_by_name = serializers.CharField(allow_null=True)
    created_at = Moment()
    waiting_since = Moment(allow_null=True)
    waiting_reason = serializers.CharField(allow_blank=True)
    waiting_owner_name = serializers.CharField(allow_null=True)
    response = BoardClock()
    resolution = BoardClock()
    next_due_at = Moment(allow_null=True)
    is_at_risk = serializers.BooleanField()


class BoardChange(serializers.Serializer[Any]):
    """A change request that is not finished. `approvals`: valid ones by people who are on the board now.

    `allowed_actions` are the verbs that its state and the caller's rights allow now; `edit` is PUT and PATCH.
    """

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    key = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    change_type = serializers.ChoiceField(choices=ChangeType.choices)
    priority = serializers.ChoiceField(choices=Severity.choices)
    status = serializers.ChoiceField(choices=ChangeState.choices)
    incident_key = serializers.CharField(allow_null=True)
    planned_implementation_date = serializers.DateField(allow_null=True)
    requested_by_id = serializers.IntegerField(allow_null=True)
    requested_by_name = serializers.CharField(allow_null=True)
    approvals = serializers.IntegerField()
    quorum = serializers.IntegerField()
    allowed_actions = serializers.ListField(child=serializers.CharField())


class TrendDay(serializers.Serializer[Any]):
    """A day of the project's zone; `open` were open at its end, today's are open now."""

    day = serializers.DateField()
    inflow = serializers.IntegerField()
    outflow = serializers.IntegerField()
    reopened = serializers.IntegerField()
    open = serializers.IntegerField()


class ModuleCount(serializers.Serializer[Any]):
    module = serializers.CharField(allow_blank=True)
    open = serializers.IntegerField()


class Trends(serializers.Serializer[Any]):
    """`days`: since the go-live, thirty at most, the oldest first. `modules`: the open incidents, the most first."""

    days = TrendDay(many=True)
    modules = ModuleCount(many=True)


class FeedLine(serializers.Serializer[Any]):
    """A line of the journal, in words of the reader's language. `who` is empty for what the system did."""

    seq = serializers.IntegerField()
    at = Moment()
    verb = serializers.CharField()
    text = serializers.CharField()
    who = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(choices=["incident", "change"])
    id = serializers.UUIDField()
    number = serializers.IntegerField(allow_null=True)
    key = serializers.CharField(allow_null=True)


class WarRoomSerializer(serializers.Serializer[WarRoom]):
    """A project's hypercare at `at`, as the caller may see it.

    `seq` is the journal's last line of before the rest was read: a stream resumed after it misses nothing. The light
    is red with an open P1 or a breached P1 or P2, amber with any breach or an open P2, else green. Counts are of all
    open incidents; the list has the worst of them, by time to the next breach. Breaches are as of now, recorded or
    not. `trends` is null for customers.
    """

    at = Moment()
    seq = serializers.IntegerField()
    project = ProjectHead()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    is_ours = serializers.BooleanField()
    may = ProjectRights()
    light = serializers.ChoiceField(choices=[light.value for light in Light])
    risk_percent = serializers.IntegerField()
    open_count = serializers.IntegerField()
    breached = serializers.IntegerField()
    at_risk = serializers.IntegerField()
    tiles = SeverityTile(many=True)
    incidents = BoardIncident(many=True)
    incidents_left_out = serializers.IntegerField()
    changes = BoardChange(many=True)
    changes_left_out = serializers.IntegerField()
    trends = Trends(allow_null=True)
    feed = FeedLine(many=True)
