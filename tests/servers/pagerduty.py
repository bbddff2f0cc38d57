"""PagerDuty's Events API v2: its schema, and what it makes of one dedup_key."""

import json
from collections.abc import Mapping
from typing import Any

from tests.servers.base import HttpServer, Ledger, Reply

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_ACTIONS = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
_SEVERITIES = ("critical", "error", "warning", "info")


class PagerDutyServer(HttpServer):
    """`alerts` holds every alert of (routing key, dedup_key) in order; only the last may be open."""

    name = "pagerduty"

    def __init__(self, ledger: Ledger | None = None):
        super().__init__(ledger)
        self.routing_key = ROUTING_KEY
        self.alerts: dict[tuple[str, str], list[str]] = {}

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path != "/v2/enqueue":
            return Reply.json({"status": "not found"}, status=404)
        try:
            event = json.loads(body)
        except ValueError:
            return _invalid(["JSON parse error"])
        if errors := _errors(event):
            return _invalid(errors)
        self._apply(event)
        details = (event.get("payload") or {}).get("custom_details", {})
        return Reply.json(
            {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]},
            status=202,
            record={
                "key": details.get("delivery"),
                "action": event["event_action"],
                "dedup_key": event["dedup_key"],
                "event": event,
            },
        )

    def _apply(self, event: dict[str, Any]) -> None:
        alerts = self.alerts.setdefault((event["routing_key"], event["dedup_key"]), [])
        is_open = bool(alerts) and alerts[-1] != "resolved"
        action = event["event_action"]
        if not is_open:
            if action == "trigger":
                alerts.append("triggered")
        elif action != "trigger":
            alerts[-1] = _ACTIONS[action]


def _invalid(errors: list[str]) -> Reply:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return Reply.json(body, status=400)


def _errors(event: dict[str, Any]) -> list[str]:
    action, payload = event.get("event_action"), event.get("payload")
    wrong = {
        "'routing_key' is not 32 characters": len(event.get("routing_key", "")) != 32,
        "'event_action' is not known": action not in _ACTIONS,
        "'dedup_key' is missing or longer than 255": not 0 < len(event.get("dedup_key", "")) <= 255,
        "'payload' is missing": action == "trigger" and not payload,
        "'links' is not a list of href": not all(link.get("href") for link in event.get("links", [])),
    }
    if payload:
        wrong |= {
            "'summary' is missing or longer than 1024": not 0 < len(payload.get("summary", "")) <= 1024,
            "'source' is missing": not payload.get("source"),
            "'severity' is not known": payload.get("severity") not in _SEVERITIES,
            "'custom_details' is no object": not isinstance(payload.get("custom_details", {}), dict),
        }
    return [text for text, holds in wrong.items() if holds]
