"""Programs, projects and their members."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hypercare.api.serializers.fields import DAYS, YEARS, Moment, ZoneField
from hypercare.models import Program, Project, ProjectMember
from hypercare.rules import days_since_go_live
from hypercare.states import SupportLevel
from tenancy.states import Role
from tenancy.web.serializers import StrictSerializer, TextField

MOST_APPROVALS = 100  # not tunable: of the API, as its schema says


class ProgramSerializer(serializers.Serializer[Program]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    created_at = Moment()


class ProgramInput(StrictSerializer):
    code = TextField(max_length=20)
    name = TextField(max_length=120)


class ProjectSerializer(serializers.Serializer[Project]):
    id = serializers.UUIDField()
    program_id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    go_live_at = Moment(allow_null=True)
    hypercare_ends_on = serializers.DateField(allow_null=True)
    time_zone = serializers.CharField()
    is_operations = serializers.BooleanField()
    change_quorum = serializers.IntegerField()
    created_at = Moment()


class MyProjectSerializer(ProjectSerializer):
    """A project as `context["now"]` and its reader's membership, in `mine`, have it.

    `go_live_day` is 0 on the day of the go-live, 12 twelve days later, negative before. Without a membership (support,
    or where members see every project) `is_member` is false and the rest of it is empty.
    """

    program_code = serializers.CharField(source="program.code")
    program_name = serializers.CharField(source="program.name")
    go_live_day = serializers.SerializerMethodField()
    is_member = serializers.SerializerMethodField()
    support_level = serializers.SerializerMethodField()
    is_board_member = serializers.SerializerMethodField()

    def get_go_live_day(self, project: Project) -> int | None:
        return days_since_go_live(project.go_live_at, self.context["now"], project.time_zone)

    def get_is_member(self, project: Project) -> bool:
        return bool(self._mine(project))

    @extend_schema_field(serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True))
    def get_support_level(self, project: Project) -> str:
        return next((member.support_level for member in self._mine(project)), "")

    def get_is_board_member(self, project: Project) -> bool:
        return any(member.is_board_member for member in self._mine(project))

    def _mine(self, project: Any) -> list[ProjectMember]:
        mine: list[ProjectMember] = project.mine
        return mine


class ProjectInput(StrictSerializer):
    program_id = serializers.UUIDField()
    code = TextField(max_length=20)
    name = TextField(max_length=120)
    go_live_at = Moment(required=False, allow_null=True, validators=YEARS)
    hypercare_ends_on = serializers.DateField(required=False, allow_null=True, validators=DAYS)
    time_zone = ZoneField(required=False)


class ProjectChange(ProjectInput):
    """`change_quorum` is a manager's to set."""

    change_quorum = serializers.IntegerField(min_value=1, max_value=MOST_APPROVALS, required=False)


class MemberSerializer(serializers.Serializer[ProjectMember]):
    """Names, never addresses. A row of `services.members_of`; `role` is null for one who left the tenant."""

    id = serializers.UUIDField()
    user_id = serializers.IntegerField()
    user_name = serializers.CharField(source="user.name")
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, allow_blank=True)
    is_board_member = serializers.BooleanField()
    created_at = Moment()


class MemberChange(StrictSerializer):
    support_level = serializers.ChoiceField(choices=SupportLevel.choices, required=False, allow_blank=True)
    is_board_member = serializers.BooleanField(required=False)


class MemberInput(MemberChange):
    user_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
