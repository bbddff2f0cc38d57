"""The development mail server as a process: mails become files, SIGTERM ends it."""

import signal
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest


def test_it_keeps_mails_as_files_and_ends_cleanly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "project.mailbox", "--port", str(port), "--dir", str(tmp_path / "mail")]
    with subprocess.Popen(command) as process:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = "Süre doldu", "a@example.test", "ayse@acme.test"
        mail.set_content("Işık söndü\n")
        mail.add_alternative("<p>Işık söndü</p>", subtype="html")
        for _ in range(100):
            with suppress(OSError), smtplib.SMTP("127.0.0.1", port) as client:
                client.send_message(mail, to_addrs=["ayse@acme.test", "../../etc/x@acme.test"])
                break
            time.sleep(0.1)
        else:
            pytest.fail("it does not listen")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    files = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "mail").iterdir())
    kinds = ("eml", "html", "txt")
    assert files == sorted(
        f"{to}.{kind}" for to in ("ayse@acme.test", ".._.._etc_x@acme.test") for kind in kinds
    )
    [text] = (tmp_path / "mail").glob("*-ayse@acme.test.txt")
    assert text.read_text() == "Işık söndü\n"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "project.mailbox", "--port", str(port), "--dir", str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stderr.startswith(f"port {port}: ")) == (1, True)
