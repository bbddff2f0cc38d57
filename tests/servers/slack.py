"""As much of Slack as the product talks to: five methods of the Web API, and incoming webhooks."""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.servers.base import HttpServer, Ledger, Record, Reply

TOKEN = "xoxb-local-receiver"
CHANNEL = "C0123456789"
HOOK = "/services/T000/B000/localreceiver"
EVENT = "hypercare_delivery"
Message = dict[str, Any]
Arguments = dict[str, Any]


@dataclass(slots=True)
class Room:
    """A channel: its messages by ts, roots and replies together."""

    messages: dict[str, Message] = field(default_factory=dict)
    is_archived: bool = False
    has_us: bool = True


class SlackServer(HttpServer):
    """`rooms` are the channels by id, `tokens` the tokens and what is wrong with each, "" being nothing.

    Only what changes something is recorded: posts, updates and webhooks.
    """

    name = "slack"

    def __init__(self, ledger: Ledger | None = None):
        super().__init__(ledger)
        self.token, self.channel, self.hook = TOKEN, CHANNEL, HOOK
        self.tokens = {TOKEN: ""}
        self.rooms = {CHANNEL: Room()}
        self.hooks = {HOOK: "ok"}
        self.page = 1000
        self._count = itertools.count(1)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def hooks_url(self) -> str:
        return f"{self.url}/services/"

    @property
    def hook_url(self) -> str:
        return self.url + self.hook

    def limit(self, *, seconds: int, times: int = 1) -> None:
        """Answer the next requests as Slack does to those who ask too often."""
        body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
        self.fail(429, times=times, body=body, headers={"Retry-After": str(seconds)})

    def thread(self, root: str, channel: str = CHANNEL) -> list[Message]:
        """A thread's messages, its root first."""
        return [
            message
            for ts, message in sorted(self.rooms[channel].messages.items())
            if root in (ts, message.get("thread_ts"))
        ]

    def roots(self, channel: str = CHANNEL) -> list[Message]:
        return [m for _ts, m in sorted(self.rooms[channel].messages.items()) if "thread_ts" not in m]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if path.startswith("/services/"):
            return self._hook(path, body)
        method = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }.get(path.removeprefix("/api/"))
        if method is None:
            return _error("unknown_method")
        is_json = headers.get("content-type", "").startswith("application/json")
        given = json.loads(body) if is_json else {k: v[0] for k, v in parse_qs(body.decode()).items()}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        wrong = self.tokens.get(token, "invalid_auth") if token else "not_authed"
        return _error(wrong) if wrong else method(given)

    # ---- methods ----

    def _auth_test(self, _given: Arguments) -> Reply:
        return Reply.json({"ok": True, "team": "Local", "user": "hypercare", "team_id": "T000"})

    def _post(self, given: Arguments) -> Reply:
        room = self.rooms.get(given["channel"])
        root = given.get("thread_ts")
        if wrong := _wrong_room(room) or _wrong_message(given):
            return _error(wrong)
        assert room is not None
        if root and root not in room.messages:
            return _error("thread_not_found")
        ts = f"{int(time.time())}.{next(self._count):06}"
        message = {"type": "message", "ts": ts, "text": given["text"], "blocks": given.get("blocks", [])}
        message |= {"thread_ts": root} if root else {}
        message |= {"metadata": given["metadata"]} if "metadata" in given else {}
        room.messages[ts] = message
        return _ok(given, ts, "chat.postMessage", message)

    def _update(self, given: Arguments) -> Reply:
        room = self.rooms.get(given["channel"])
        if wrong := _wrong_room(room) or _wrong_message(given):
            return _error(wrong)
        assert room is not None
        message = room.messages.get(given["ts"])
        if message is None:
            return _error("message_not_found")
        message |= {name: given[name] for name in ("text", "blocks", "metadata") if name in given}
        return _ok(given, given["ts"], "chat.update", message)

    def _history(self, given: Arguments) -> Reply:
        room = self.rooms.get(given["channel"])
        if wrong := _wrong_room(room):
            return _error(wrong)
        return self._listed(self.roots(given["channel"])[::-1], given)

    def _replies(self, given: Arguments) -> Reply:
        room = self.rooms.get(given["channel"])
        if wrong := _wrong_room(room):
            return _error(wrong)
        found = self.thread(given["ts"], given["channel"])
        return self._listed(found, given) if found else _error("thread_not_found")

    def _listed(self, messages: list[Message], given: Arguments) -> Reply:
        after = float(given.get("oldest", 0))
        messages = [m for m in messages if float(m["ts"]) > after]
        if given.get("include_all_metadata") not in (True, "1", "true"):
            messages = [{k: v for k, v in m.items() if k != "metadata"} for m in messages]
        first = int(given.get("cursor") or 0)
        last = first + min(int(given.get("limit", 100)), self.page)
        cursor = str(last) if last < len(messages) else ""
        page = {"messages": messages[first:last], "has_more": bool(cursor)}
        return Reply.json({"ok": True, **page, "response_metadata": {"next_cursor": cursor}})

    # ---- incoming webhooks ----

    def _hook(self, path: str, body: bytes) -> Reply:
        said = self.hooks.get(path, "no_service")
        if said != "ok":
            return Reply({"channel_is_archived": 410, "action_prohibited": 403}.get(said, 404), said.encode())
        try:
            given = json.loads(body)
        except ValueError:
            return Reply(400, b"invalid_payload")
        if _wrong_message(given):
            return Reply(400, b"invalid_payload")
        return Reply(200, b"ok", record={"method": "webhook", "text": given["text"], "message": given})


def _ok(given: Arguments, ts: str, method: str, message: Message) -> Reply:
    metadata = given.get("metadata") or {}
    record: Record = {
        "key": (metadata.get("event_payload") or {}).get("key"),
        "method": method,
        "channel": given["channel"],
        "ts": ts,
        "thread_ts": given.get("thread_ts"),
        "text": message["text"],
    }
    return Reply.json({"ok": True, "channel": given["channel"], "ts": ts, "message": message}, record=record)


def _error(code: str) -> Reply:
    return Reply.json({"ok": False, "error": code})


def _wrong_room(room: Room | None) -> str:
    if room is None:
        return "channel_not_found"
    if room.is_archived:
        return "is_archived"
    return "" if room.has_us else "not_in_channel"


def _wrong_message(given: Arguments) -> str:
    if not given.get("text"):
        return "no_text"
    blocks = given.get("blocks", [])
    return "" if len(blocks) <= 50 and all(map(_block_fits, blocks)) else "invalid_blocks"


def _block_fits(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "header":
        return block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= 150
    if kind == "section":
        fields = block.get("fields", [])
        text = block["text"]["text"] if "text" in block else "-"
        return (
            ("text" in block or bool(fields))
            and 0 < len(text) <= 3000
            and len(fields) <= 10
            and all(0 < len(one["text"]) <= 2000 for one in fields)
        )
    if kind == "context":
        return 0 < len(block["elements"]) <= 10 and all(len(one["text"]) > 0 for one in block["elements"])
    if kind == "actions":
        return all(
            0 < len(one["text"]["text"]) <= 75 and len(one.get("url", "")) <= 3000
            for one in block["elements"]
        )
    return False
