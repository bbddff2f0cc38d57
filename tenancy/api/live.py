"""Tickets for the live stream, which itself is answered beside Django (tenancy.web.live)."""

from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenancy import live, services
from tenancy.context import current_schema
from tenancy.states import Role
from tenancy.web.authentication import actor_of
from tenancy.web.live import PATH, host_of


class TicketSerializer(serializers.Serializer[Any]):
    """`url` is where the stream is, with the ticket in it; it has to be opened before `expires_at`."""

    ticket = serializers.CharField()
    expires_at = serializers.DateTimeField()
    url = serializers.CharField()


class TicketView(APIView):
    """A ticket for the live stream of this tenant."""

    actions = {"POST": "events.read"}

    @extend_schema(
        operation_id="events_ticket", request=None, responses={status.HTTP_201_CREATED: TicketSerializer}
    )
    def post(self, request: Request) -> Response:
        """A ticket for the live stream of what happens in the projects that you see.

        GET its `url` as `text/event-stream`, for instance with EventSource, which sends no Authorization header. One
        stream tells of all projects. Its events, with data in JSON:

        - `hello` {at, seq, beat_seconds, ends_at}: what happens after event `seq` follows.
        - `change` {seq, at, project, kind, id, number, verb, by}, with `seq` as the event's id: what changed. `kind`
          is `incident`, `change`, `project`, `policy`, `calendar` or `backlog_item`; `number` may be null, `by` is a
          user's id or null. What was written is never in it: ask for the row.
        - `beat` {at} every `beat_seconds`, by the server's clock. Where it stays away, what you show may be old.
        - `reset` {seq}: you missed too much; load what you show anew.
        - `bye` {why}: the stream ends, for its time is over (`life`) or the server goes down (`restart`). Ask for
          another ticket.

        To go on where you were, send the id of your last event as `Last-Event-ID` or `?after=`.
        """
        actor, now = actor_of(request), timezone.now()
        expires_at = now + timedelta(seconds=settings.THRESHOLDS.stream.TICKET_SECONDS)
        ticket = live.Ticket(
            schema=current_schema(),
            host=host_of(request._request),
            user_id=cast(int, actor.user_id),
            scopes=frozenset(services.scopes_for(actor)),
            is_ours=actor.at_least(Role.AGENT),
        )
        sealed = live.seal(ticket, expires_at=expires_at)
        given = {"ticket": sealed, "expires_at": expires_at, "url": f"{PATH}?{urlencode({'ticket': sealed})}"}
        answer = Response(TicketSerializer(given).data, status=status.HTTP_201_CREATED)
        answer["Cache-Control"] = "no-store"
        return answer
