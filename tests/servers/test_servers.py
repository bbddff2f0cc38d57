"""The receivers as a process, and what they refuse: a receiver that takes anything proves nothing."""

import json
import signal
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.servers import Ledger, PagerDutyServer, SlackServer, WebhookServer


def post(url: str, body: object, **headers: str) -> tuple[int, Any]:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_process_starts_one_of_each_and_ends_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.servers", "--dir", str(tmp_path), "--drop-every", "2"]
    with subprocess.Popen(command) as process:
        described = tmp_path / "servers.json"
        for _ in range(1200):
            if described.exists():
                break
            time.sleep(0.05)
        servers = json.loads(described.read_text())
        hook = servers["slack"]["hook_url"]
        assert post(hook, {"text": "one"}) == (200, b"ok")
        with pytest.raises((HTTPException, OSError)):
            post(hook, {"text": "two"})
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = "Işık", "a@example.test", "b@example.test"
        mail["Message-ID"] = "<delivery-7.0123456789abcdef01234567@localhost>"
        mail.set_content("söndü\n")
        with smtplib.SMTP(servers["smtp"]["host"], servers["smtp"]["port"], timeout=30) as client:
            client.send_message(mail)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [(line["server"], line["dropped"]) for line in lines] == [
        ("slack", False),
        ("slack", True),
        ("smtp", False),
    ]
    assert lines[-1]["key"] == "0123456789abcdef01234567"
    assert set(servers) == {"webhooks", "slack", "pagerduty", "smtp", "environment"}


def test_a_ledger_is_on_disk_before_the_answer(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.add({"server": "x", "key": "ışık"})
    [line] = (tmp_path / "ledger.jsonl").read_text().splitlines()
    assert json.loads(line) == ledger.records[0]
    ledger.close()


@pytest.mark.parametrize(
    "headers", [{}, {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}]
)
def test_webhooks_take_nothing_without_a_signature(headers: dict[str, str]) -> None:
    with WebhookServer() as server:
        assert post(server.url, {"type": "x"}, **headers)[0] == 401
    assert server.records == []


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        ("chat.postMessage", {"channel": "C0NONE", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "C0123456789"}, "no_text"),
        ("chat.postMessage", {"channel": "C0123456789", "text": "x", "thread_ts": "1.0"}, "thread_not_found"),
        (
            "chat.postMessage",
            {"channel": "C0123456789", "text": "x", "blocks": [{"type": "section", "fields": []}]},
            "invalid_blocks",
        ),
        ("chat.update", {"channel": "C0123456789", "text": "x", "ts": "1.0"}, "message_not_found"),
        ("chat.delete", {}, "unknown_method"),
    ],
)
def test_slack_refuses_what_slack_refuses(method: str, body: dict[str, Any], error: str) -> None:
    with SlackServer() as server:
        _status, said = post(server.api_url + method, body, Authorization=f"Bearer {server.token}")
        assert json.loads(said) == {"ok": False, "error": error}
        _status, said = post(server.api_url + "auth.test", {})
        assert json.loads(said)["error"] == "not_authed"
        _status, said = post(server.api_url + "auth.test", {}, Authorization=f"Bearer {server.token}")
        assert json.loads(said)["ok"] is True
    assert server.records == []


def test_pagerduty_says_everything_that_is_wrong() -> None:
    with PagerDutyServer() as server:
        status, said = post(f"{server.url}/v2/enqueue", {"event_action": "shout", "links": [{}]})
        assert (status, len(json.loads(said)["errors"])) == (400, 4)
        assert post(f"{server.url}/v2/other", {})[0] == 404
    assert server.records == []
