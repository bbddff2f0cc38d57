"""The figures of a project."""

from typing import Any

from rest_framework import serializers

from hypercare.services import Metrics


class OpenByPriority(serializers.Serializer[Any]):
    p1 = serializers.IntegerField()
    p2 = serializers.IntegerField()
    p3 = serializers.IntegerField()
    p4 = serializers.IntegerField()


class Percentiles(serializers.Serializer[Any]):
    """Half of them and nine in ten took at most so many hours; null if there are none."""

    p50_hours = serializers.FloatField(allow_null=True)
    p90_hours = serializers.FloatField(allow_null=True)


class Took(serializers.Serializer[Any]):
    """How long it took those of the last 30 days since their report: on the wall's clock, and by what their SLA clock
    counted (the hours of its calendar, without pauses)."""

    count = serializers.IntegerField()
    wall = Percentiles()
    business = Percentiles()


class Reopened(serializers.Serializer[Any]):
    """Of the resolutions in the days of `flow`, those undone since; the rate is a fraction of 1, null if there are
    none."""

    resolved = serializers.IntegerField()
    reopened = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)


class FlowDay(serializers.Serializer[Any]):
    """What was reported, resolved and reopened on a day of the project's zone."""

    day = serializers.DateField()
    inflow = serializers.IntegerField()
    outflow = serializers.IntegerField()
    reopened = serializers.IntegerField()


class BacklogAge(Percentiles):
    """Hours since the report of the incidents that are open."""

    count = serializers.IntegerField()
    oldest_hours = serializers.FloatField(allow_null=True)


class Kept(serializers.Serializer[Any]):
    """Clocks that were fulfilled in time or passed their deadline; the rate is a fraction of 1, null if there are
    none."""

    ended = serializers.IntegerField()
    breached = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)


class BreachWeek(serializers.Serializer[Any]):
    """The clocks that ended in the week of the Monday `week`, in the project's zone."""

    week = serializers.DateField()
    response = Kept()
    resolution = Kept()


class MetricsSerializer(serializers.Serializer[Metrics]):
    """The project's figures now. Open are the states open, in_progress and waiting; a closed incident counts as the
    resolved one that it is, a reopened one as open.

    `flow` has the last 30 days and `breach_rate` the last 8 weeks, the oldest first, those without anything too.
    """

    open_by_priority = OpenByPriority()
    sla_breached = serializers.IntegerField()
    avg_resolution_hours = serializers.FloatField(allow_null=True)
    resolved_this_week = serializers.IntegerField()
    time_to_first_response = Took()
    time_to_resolution = Took()
    reopened = Reopened()
    flow = FlowDay(many=True)
    backlog_age = BacklogAge()
    breach_rate = BreachWeek(many=True)
