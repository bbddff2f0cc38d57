"""What the lines of the log carry, in a real web process, in a command and in a task."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from uuid import uuid4

import pytest
from celery import shared_task
from django.conf import settings
from pythonjsonlogger.json import JsonFormatter

from tenancy import logs
from tenancy.actors import Actor
from tenancy.context import request_id
from tenancy.logs import ScopeFilter
from tenancy.states import Role
from tenancy.web.tasks import TenantTask
from tests import factories
from tests.live.product import running

ALWAYS = {
    "asctime", "levelname", "name", "message", "tenant", "project", "request_id", "user", "task", "task_id",
    "trace_id", "build_id", "process",
}  # fmt: skip
logger = logging.getLogger("tests.logs")


def parsed(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert line.keys() >= ALWAYS
    return lines


def test_the_lines_of_a_web_process(committed, tmp_path):
    project = uuid4()
    with committed() as tenant:
        user = factories.member(tenant, "agent", email="ayse@example.com", name="Ayşe Yılmaz")
        token, person = factories.token(user, tenant), user.pk
        with running(tmp_path, LOG_FORMAT="json", BUILD_ID="build-7") as product:
            client = HTTPConnection("127.0.0.1", product.port, timeout=20)
            for number, authorization in enumerate((f"Bearer {token}", "Bearer no", f"Bearer {token}")):
                headers = {"Host": product.host(tenant), "Authorization": authorization}
                path = f"/api/v1/projects/{project}?name=ayse" if number < 2 else "/no/such/page"
                client.request("GET", path, headers=headers | {"X-Request-ID": f"request-{number}"})
                client.getresponse().read()
            client.close()
            product.stop()
            text = product.log.read_text()
        user.delete()
    lines = parsed(text)
    assert {line["build_id"] for line in lines} == {"build-7"}
    assert {line["process"] for line in lines} == {"web"}
    started, *_ = lines
    assert started["message"].startswith("Config validation passed")
    outside = dict.fromkeys(("project", "user", "task", "task_id", "trace_id"))
    assert {name: started[name] for name in outside} == outside
    assert (started["tenant"], started["request_id"]) == ("public", "")

    def of(number: int) -> list[dict[str, Any]]:
        return [line for line in lines if line["request_id"] == f"request-{number}"]

    assert of(0)
    assert {(line["tenant"], line["project"], line["user"]) for line in of(0)} == {
        (tenant.slug, str(project), person)
    }
    assert of(1)
    assert {(line["project"], line["user"]) for line in of(1)} == {(str(project), None)}
    assert of(2)
    assert {line["project"] for line in of(2)} == {None}
    for secret in ("ayse", "Ayşe", token):
        assert secret not in text


@pytest.mark.parametrize("process", ["worker", "beat", "command"])
def test_the_lines_of_other_processes(process):
    program = (
        "import os, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'\n"
        "django.setup()\n"
        "from project import startup\n"
        "startup.announce()\n"
    )
    given = {"LOG_FORMAT": "json", "PROCESS": process, "ENV": "development", "BUILD_ID": "build-7"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = parsed(done.stderr)
    assert (line["process"], line["build_id"], line["tenant"]) == (process, "build-7", "public")


@pytest.mark.parametrize(("level", "said"), [("INFO", ["ours", "theirs"]), ("WARNING", ["theirs"])])
def test_celerys_level_is_not_ours(level, said):
    """A worker or beat as the README starts it: Celery warns only, and we say what LOG_LEVEL asks for."""
    program = (
        "import logging, django\n"
        "django.setup()\n"
        "from project.celery import app\n"
        "app.log.setup(loglevel='WARNING')\n"
        "logging.getLogger('tenancy').info('ours')\n"
        "logging.getLogger('celery.beat').info('noise')\n"
        "logging.getLogger('celery.beat').warning('theirs')\n"
    )
    given = {"LOG_FORMAT": "json", "LOG_LEVEL": level, "PROCESS": "beat", "ENV": "development"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | given | {"DJANGO_SETTINGS_MODULE": "project.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line["message"] for line in parsed(done.stderr)] == said


# ---- in this process ------------------------------------------------------------------------------------------------


@shared_task(base=TenantTask, name="tests.logs")
def says(*, tenant: str, breaks: bool = False) -> None:
    logger.warning("inside")
    if breaks:
        raise ZeroDivisionError


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log's JSON is, as settings say."""
    given = {name: value for name, value in settings.LOGGING["formatters"]["json"].items() if name != "()"}
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(ScopeFilter())
    handler.setFormatter(JsonFormatter(given.pop("format"), **given))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
def test_the_lines_of_a_task(acme, written):
    done = says.apply(kwargs={"tenant": "acme"})
    says.apply(kwargs={"tenant": "acme", "breaks": True}, task_id="broken")
    logger.warning("after")
    lines = parsed(written.getvalue())
    inside, *_ = [line for line in lines if line["message"] == "inside"]
    assert (inside["task"], inside["task_id"], inside["tenant"]) == ("tests.logs", done.id, "acme")
    (failed,) = [line for line in lines if "raised" in line["message"]]  # Celery's own
    assert (failed["task"], failed["task_id"]) == ("tests.logs", "broken")
    assert (lines[-1]["message"], lines[-1]["task"], lines[-1]["tenant"]) == ("after", None, "public")


@pytest.mark.parametrize("name", ["actor", "access"])
def test_the_user_is_known_once_somebody_asked_and_never_asked_for(rf, written, name):
    request = rf.get("/")
    request.actor = type("Lazy", (), {"__getattr__": lambda *_given: pytest.fail("asked")})()
    context = request_id.set("r-1"), logs.current_request.set(request)
    try:
        logger.warning("before")
        setattr(request, name, Actor.member(7, Role.AGENT))
        logger.warning("after")
    finally:
        request_id.reset(context[0])
        logs.current_request.reset(context[1])
    before, after = parsed(written.getvalue())
    assert (before["user"], after["user"]) == (None, 7)
    assert before["request_id"] == after["request_id"] == "r-1"
