"""Where alerts are told: by e-mail to whoever is on duty, and on the channels of their alarm.

A part of a route is the owner ("on_call"), a chat of the operators by its endpoint's name ("slack:alerts"), or all of
their pagers ("pagerduty"). Where a part leads nowhere, platform staff are mailed instead.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from observability.models import Duty
from tenancy.context import PUBLIC
from tenancy.models import Endpoint, Tenant, User
from tenancy.services import PAGERDUTY, SLACK, SLACK_WEBHOOK
from tenancy.states import StaffRole

CHATS = (SLACK, SLACK_WEBHOOK)
_CHAT = "slack:"


class Routed(Protocol):
    """What of an alarm says where it is told."""

    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def channels(self) -> Collection[str]: ...
    @property
    def escalate_to(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Who hears of an alert. `nowhere` are the parts that lead to nobody; then platform staff are among `people`."""

    people: frozenset[int]
    endpoints: tuple[Endpoint, ...]
    nowhere: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routes:
    """Who is on duty and which endpoints the operators have, read once."""

    public: Tenant
    duties: dict[str, frozenset[int]]
    endpoints: tuple[Endpoint, ...]
    platform: frozenset[int]

    @classmethod
    def read(cls) -> Self:
        """Four queries. Only active staff and live endpoints lead anywhere."""
        duties = defaultdict(set)
        on_duty = Duty.objects.filter(user__is_active=True).exclude(user__staff_role="")
        for owner, user in on_duty.values_list("owner", "user"):
            duties[owner].add(user)
        live = Endpoint.objects.filter(tenant__schema_name=PUBLIC, disabled_at__isnull=True)
        endpoints = live.filter(channel__in=[*CHATS, PAGERDUTY]).order_by("pk")
        staff = User.objects.filter(staff_role=StaffRole.PLATFORM, is_active=True)
        public = Tenant.objects.get(schema_name=PUBLIC)
        return cls(
            public=public,
            duties={owner: frozenset(users) for owner, users in duties.items()},
            endpoints=tuple(endpoints.select_related("tenant")),
            platform=frozenset(staff.values_list("pk", flat=True)),
        )

    def of(self, owner: str, channels: Iterable[str]) -> Route:
        """Where an alert of `owner` with these channels is told."""
        people, endpoints, nowhere = self.duties.get(owner, frozenset()), [], []
        if not people:
            nowhere.append(owner)
        for channel in channels:
            found = self._on(channel)
            endpoints += found
            if not found:
                nowhere.append(channel)
        if nowhere:
            people = people | self.platform
        return Route(people, tuple(dict.fromkeys(endpoints)), tuple(nowhere))

    def _on(self, channel: str) -> list[Endpoint]:
        if channel == PAGERDUTY:
            return [endpoint for endpoint in self.endpoints if endpoint.channel == PAGERDUTY]
        name = channel.removeprefix(_CHAT) if channel.startswith(_CHAT) else None
        return [each for each in self.endpoints if each.channel in CHATS and each.name == name]


def routes_to_nowhere(alarms: Iterable[Routed]) -> dict[str, list[str]]:
    """The parts of routes that lead nowhere now, with the names of the alarms that are told there. Four queries."""
    routes = Routes.read()
    found: dict[str, list[str]] = defaultdict(list)
    for alarm in alarms:
        parts = list(routes.of(alarm.owner, alarm.channels).nowhere)
        if alarm.escalate_to:
            parts += routes.of(alarm.escalate_to, ()).nowhere
        for part in dict.fromkeys(parts):
            found[part].append(alarm.name)
    return dict(found)
