"""Schemathesis against the server as it runs in production, over a tenant that holds one of everything.

`make fuzz` is the long form. Requests come from our own OpenAPI schema: its examples and edges, random ones right and
wrong, and chains of them in which what one made is used by the next. Addresses mostly name rows that are there.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from django.db import connection
from drf_spectacular.generators import SchemaGenerator

import hypercare.services as hypercare
from hypercare.models import ProjectMember
from hypercare.rules import Target
from project.demo.run import Place, free_port, processes
from project.keeper import die_with_parent
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant
from tests import factories

SYSTEM = Actor.system("fuzz")
STARTS_WITHIN = 30  # seconds
CHECKS = {
    "not_a_server_error": True,
    "ignored_auth": True,
    "content_type_conformance": True,
    "response_schema_conformance": True,
    "response_headers_conformance": True,
    "status_code_conformance": True,
    "unsupported_method": True,
    "allow_header_conformance": True,
    "use_after_free": True,
    "ensure_resource_availability": True,
    # Rules and states refuse what the schema allows, and P1 may be written p1.
    "positive_data_acceptance": False,
    "negative_data_rejection": False,
    "missing_required_header": False,
    "object_level_authorization": False,
}


@dataclass(frozen=True)
class World:
    """A tenant, the token of its admin who may do everything, and the ids that addresses can name."""

    tenant: Tenant
    secret: str
    ids: Mapping[str, Sequence[str]]


def build(tenant: Tenant, now: datetime) -> World:
    """Fill `tenant` with one of everything, committed."""
    admin, agent, customer = (factories.member(tenant, role) for role in ("admin", "agent", "customer"))
    with entering(tenant):
        program = hypercare.create_program(code="FUZZ", name="Fuzz", by=SYSTEM, now=now)
        spare = hypercare.create_program(code="SPARE", name="Spare", by=SYSTEM, now=now)
        project = hypercare.create_project(
            program=program,
            code="FUZZ-1",
            name="Fuzz",
            go_live_at=now - timedelta(days=3),
            by=SYSTEM,
            now=now,
        )
        for person in (admin, agent, customer):
            hypercare.add_member(project=project, user_id=person.pk, is_board_member=True, by=SYSTEM, now=now)
        calendar = hypercare.create_calendar(
            project=project,
            name="Week",
            definition={"time_zone": "Europe/Istanbul", "weekly": {"monday": [["09:00", "18:00"]]}},
            by=SYSTEM,
            now=now,
        )
        policies = [
            hypercare.create_policy(
                project=project,
                targets={"P1": Target(30, 120)},
                valid_from=now + timedelta(days=days) if days else None,
                by=SYSTEM,
                now=now,
            )
            for days in (0, 7)
        ]
        hypercare.create_backlog_item(project=project, kind="W", key="W-1", title="Flow", by=SYSTEM, now=now)
        boss = Actor.member(admin.pk, "admin")
        incidents = [
            hypercare.report_incident(project=project, title=f"No {number}", by=boss, now=now)
            for number in range(4)
        ]
        changes = [
            hypercare.draft_change(
                project=project, title=f"No {number}", change_type="config", by=SYSTEM, now=now
            )
            for number in range(3)
        ]
        members = ProjectMember.objects.filter(project=project).exclude(user=admin.pk)
        ids = {
            "project": [project.pk],
            "scope": [project.pk],
            "program": [program.pk, spare.pk],
            "incident": [row.pk for row in incidents],
            "change": [row.pk for row in changes],
            "policy": [row.pk for row in policies],
            "calendar": [calendar.calendar_id],
            "member": list(members.values_list("pk", flat=True)),
        }
    secret = factories.token(admin, tenant)
    return World(tenant, secret, {name: [str(each) for each in every] for name, every in ids.items()})


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The product's web process on the database that this process uses; yields its port."""
    port = free_port(20_000 + os.getpid() % 20_000)
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    env = {**os.environ, "DATABASE_URL": address.geturl(), "THRESHOLD_API_REQUESTS_PER_MINUTE": "1000000"}
    command = processes(Place("localhost", port, mail_port=0, hook_port=0, folder=folder))["web"]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - nothing here runs in threads
        )
        try:
            _wait(port, server)
            yield port
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server did not start: web.log says why")


@dataclass(frozen=True)
class Outcome:
    """What a run showed: schemathesis's exit code, its report, what it said, and the file of all that happened."""

    code: int
    report: Mapping[str, Any]
    said: str
    events: Path

    @property
    def cases(self) -> int:
        """How many requests were made for their own sake."""
        return int(self.report["test_cases"]["generated"])

    def answers(self) -> "Counter[int]":
        """How many answers had which status."""
        return Counter(
            exchange["response"]["status_code"]
            for recorder in self._recorders()
            for exchange in recorder.get("interactions", {}).values()
            if exchange["response"]
        )

    def failures(self) -> "Counter[str]":
        """How often which check failed."""
        return Counter(
            check["name"]
            for recorder in self._recorders()
            for checks in recorder.get("checks", {}).values()
            for check in checks
            if check["status"] == "failure"
        )

    def _recorders(self) -> Iterator[Mapping[str, Any]]:
        with self.events.open() as lines:
            for line in lines:
                yield json.loads(line).get("ScenarioFinished", {}).get("recorder", {})


def run(world: World, port: int, folder: Path, *options: str) -> Outcome:
    """Run schemathesis with these options; its reports lie in `folder`."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    (folder / "openapi.json").write_text(json.dumps(schema, default=str))
    (folder / "schemathesis.toml").write_text(_config(world, port))
    command = [sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"]
    command += ["run", "openapi.json", "--url", f"http://127.0.0.1:{port}", "--report", "json,ndjson"]
    command += ["--report-json-path", "report.json", "--report-ndjson-path", "events.ndjson", *options]
    ids = folder / "ids.json"
    ids.write_text(json.dumps(world.ids))
    root = Path(__file__).parent.parent.parent
    path = os.pathsep.join([str(root), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "FUZZ_IDS": str(ids), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    said = done.stdout + done.stderr
    (folder / "said.txt").write_text(said)
    report = json.loads((folder / "report.json").read_text()) if (folder / "report.json").exists() else {}
    return Outcome(done.returncode, report, said, folder / "events.ndjson")


def _config(world: World, port: int) -> str:
    """What the command line cannot say: who asks, and what is looked at."""
    lines = ['hooks = "tests.api.hooks"', "[headers]", f'Host = "{factories.host_of(world.tenant)}:{port}"']
    lines += ["[auth.openapi.token]", f'bearer = "{world.secret}"']
    for name, is_on in CHECKS.items():
        lines += [f"[checks.{name}]", f"enabled = {json.dumps(is_on)}"]
    return "\n".join(lines) + "\n"


def is_up(port: int, world: World) -> bool:
    """Whether the server still knows its caller, and the project is still theirs."""
    host = f"{factories.host_of(world.tenant)}:{port}"
    headers = {"Host": host, "Authorization": f"Bearer {world.secret}"}
    request = Request(f"http://127.0.0.1:{port}/api/v1/projects/{world.ids['project'][0]}", headers=headers)
    try:
        with urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:  # a refusal too
        return False
