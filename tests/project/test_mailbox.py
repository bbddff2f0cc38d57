"""The development mail server as a process: mails become files, SIGTERM ends it."""

import json
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from project.mailbox import Hooks, heartbeats


def mailbox(folder: Path, smtp: int, http: int) -> list[str]:
    ports = ["--port", str(smtp), "--http-port", str(http)]
    return [sys.executable, "-m", "project.mailbox", *ports, "--dir", str(folder)]


def free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def test_it_keeps_mails_as_files_and_ends_cleanly(tmp_path: Path) -> None:
    port, http = free_ports()
    with subprocess.Popen(mailbox(tmp_path / "mail", port, http)) as process:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = "Süre doldu", "a@example.test", "ayse@acme.test"
        mail.set_content("Işık söndü\n")
        mail.add_alternative("<p>Işık söndü</p>", subtype="html")
        for _ in range(600):
            with suppress(OSError), smtplib.SMTP("127.0.0.1", port) as client:
                client.send_message(mail, to_addrs=["ayse@acme.test", "../../etc/x@acme.test"])
                break
            time.sleep(0.1)
        else:
            pytest.fail("it does not listen")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    files = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "mail").iterdir())
    kinds = ("eml", "html", "txt")
    assert files == sorted(
        f"{to}.{kind}" for to in ("ayse@acme.test", ".._.._etc_x@acme.test") for kind in kinds
    )
    [text] = (tmp_path / "mail").glob("*-ayse@acme.test.txt")
    assert text.read_text() == "Işık söndü\n"


def test_it_keeps_webhooks_with_their_headers(tmp_path: Path) -> None:
    smtp, port = free_ports()
    with subprocess.Popen(mailbox(tmp_path, smtp, port)) as process:
        request = Request(
            f"http://127.0.0.1:{port}/desk", data='{"ş": 1}'.encode(), headers={"webhook-id": "../k1"}
        )
        for _ in range(600):
            with suppress(OSError), urlopen(request, timeout=5) as answer:
                assert answer.status == 204
                break
            time.sleep(0.1)
        else:
            pytest.fail("it does not listen")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    [path] = tmp_path.glob("*.json")
    assert path.name.endswith("-.._k1.json")
    kept = json.loads(path.read_text())
    assert (kept["path"], kept["body"], kept["headers"]["Webhook-Id"]) == ("/desk", '{"ş": 1}', "../k1")


def test_it_says_when_the_last_heartbeat_came(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path, host="127.0.0.1", port=0)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{hooks.server_port}/heartbeat"

    def read(path: str = "") -> str:
        with urlopen(f"{url}{path}", timeout=5) as answer:
            said: str = answer.read().decode()
            return said

    assert read() == "No heartbeat has come yet.\n"
    for _ in range(2):
        with urlopen(Request(url, data=b"{}"), timeout=5) as answer:
            assert answer.status == 204
    assert read().startswith("The last heartbeat came 0 s ago, at ")
    assert read().endswith("; 2 in all.\n")
    with pytest.raises(HTTPError, match="404"):
        read("/other")
    hooks.shutdown()
    hooks.server_close()
    assert len(heartbeats(tmp_path)) == 2
    assert list(tmp_path.glob("*.json")) == [], "they are no webhooks"


def test_it_stands_for_slack_and_pagerduty_and_shows_what_they_were_told(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path, host="127.0.0.1", port=0)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()

    def ask(path: str, given: object = None) -> tuple[int, str]:
        data = None if given is None else json.dumps(given).encode()
        try:
            with urlopen(Request(f"http://127.0.0.1:{hooks.server_port}{path}", data), timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    assert ask("/told") == (200, "Slack and the pagers were told nothing yet.\n")
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "In Açme"}}
    fields = {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Rule*\nR1"}]}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Runbook"}, "url": "http://x/1"}
    chat = {"text": "Too many", "blocks": [section, fields, {"type": "actions", "elements": [button]}]}
    assert ask("/services/T/B/alerts", chat) == (200, "ok")
    page = {
        "routing_key": "0" * 32,
        "event_action": "trigger",
        "dedup_key": "1:alert:1",
        "payload": {"summary": "Down"},
        "links": [{"href": "http://x/2", "text": "Runbook"}],
    }
    taken = {"status": "success", "message": "Event processed", "dedup_key": "1:alert:1"}
    status, said = ask("/v2/enqueue", page)
    assert (status, json.loads(said)) == (202, taken)
    for path, given, wrong in (
        ("/services/T/B/alerts", {"blocks": []}, "invalid_payload"),
        ("/services/T/B/alerts", "text", "invalid_payload"),
        ("/v2/enqueue", {"event_action": "trigger"}, "dedup_key"),
    ):
        status, said = ask(path, given)
        assert (status, wrong in said) == (400, True)
    status, said = ask("/told")
    hooks.shutdown()
    hooks.server_close()
    first, _, second = said.partition("\n\n")
    assert first.splitlines()[0].endswith(" UTC  pager: trigger 1:alert:1")
    assert first.splitlines()[1:] == ["    Down", "    Runbook: http://x/2"]
    assert second.splitlines()[0].endswith(" UTC  Slack #alerts: Too many")
    assert second.splitlines()[1:] == ["    In Açme", "    *Rule*", "    R1", "    Runbook: http://x/1"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("which", [0, 1])
def test_a_port_that_is_taken_is_named(tmp_path: Path, which: int) -> None:
    ports = list(free_ports())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = ports[which] = taken.getsockname()[1]
        command = mailbox(tmp_path, *ports)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.startswith(f"port {port}: ")) == (1, True)
