"""The development mail server as a process: mails become files, SIGTERM ends it."""

import json
import signal
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest


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


@pytest.mark.parametrize("which", [0, 1])
def test_a_port_that_is_taken_is_named(tmp_path: Path, which: int) -> None:
    ports = list(free_ports())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = ports[which] = taken.getsockname()[1]
        command = mailbox(tmp_path, *ports)
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.startswith(f"port {port}: ")) == (1, True)
