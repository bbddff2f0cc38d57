"""Every list and one page of each on both consoles, signed in: p50 and p95. A tenant's at the size of a demo, the
operators' with 50 tenants that each have something that is breached.

`python -m project.embedded -- python -m bench.console`. Through the WSGI application in this process, so that no
server and no browser is measured; works in a database of its own. The limit is 300 ms.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from statistics import median, quantiles
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test.utils import override_settings
from django.utils import timezone

from bench.measure import Row, show, timed
from bench.tenants import BY, create
from hypercare import services as hypercare
from hypercare.states import Severity, WorkItemKind
from project.startup import settle
from tenancy import provisioning, services
from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering
from tenancy.models import Tenant, User
from tenancy.states import Role, StaffRole
from tenancy.web.admin import public_site, tenant_site
from tests import factories
from tests.tenancy.databases import own_database

INCIDENTS, CHANGES, ITEMS = 500, 60, 120
TENANTS = 50
ROUNDS = 30
LIMIT = 300.0  # ms


def browser(tenant: Tenant, user: User) -> Callable[[str], tuple[str, bytes]]:
    """A function that gets a page as `user`, signed in on the tenant's host, and returns status and body."""
    application, client = WSGIHandler(), factories.signed_in(tenant, user)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    def get(path: str) -> tuple[str, bytes]:
        said: list[str] = []
        where, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": where,
            "QUERY_STRING": query,
            "HTTP_HOST": factories.host_of(tenant),
            "HTTP_COOKIE": cookies,
        }
        setup_testing_defaults(environ)
        answer = application(environ, lambda status, headers: said.append(status))
        content = b"".join(answer)
        answer.close()
        return said[0], content

    return get


def fill(tenant: Tenant, people: list[User], now: datetime) -> None:
    """Two projects with their incidents, change requests and backlog, all by services."""
    admin, *agents = people
    me = Actor.member(admin.pk, Role.ADMIN)
    program = hypercare.create_program(code="ERP", name="ERP renewal", by=BY, now=now)
    projects = [
        hypercare.create_project(program=program, code=f"WAVE-{n}", name=f"Wave {n}", by=BY, now=now)
        for n in (1, 2)
    ]
    for project in projects:
        for person in people:
            hypercare.add_member(project=project, user_id=person.pk, is_board_member=True, by=BY, now=now)
    levels = list(Severity)
    for number in range(INCIDENTS):
        at = now - timedelta(minutes=7 * (INCIDENTS - number))
        incident = hypercare.report_incident(
            project=projects[number % 2],
            title=f"Incident {number}: invoices do not post",
            description="Since the morning, in two company codes.",
            severity=levels[number % 4],
            affected_module=("FI", "MM", "SD")[number % 3],
            by=me,
            now=at,
        )
        agent = agents[number % len(agents)]
        by = Actor.member(agent.pk, Role.AGENT)
        if number % 5:
            hypercare.assign(incident=incident, assigned_to_id=agent.pk, by=by, now=at)
            hypercare.respond_first(incident=incident, by=by, now=at)
        if number % 3 == 0:
            hypercare.add_comment(incident=incident, content="Looking.", is_internal=True, by=by, now=at)
        if number % 2:
            hypercare.resolve(
                incident=incident, root_cause="A number range", resolution_notes="x", by=by, now=at
            )
    for number in range(CHANGES):
        change = hypercare.draft_change(
            project=projects[number % 2],
            title=f"Change {number}",
            change_type="config",
            rollback_plan="Back",
            by=me,
            now=now,
        )
        if number % 2:
            hypercare.submit_change(change=change, by=me, now=now)
    for number in range(ITEMS):
        hypercare.create_backlog_item(
            project=projects[number % 2],
            kind=WorkItemKind.INTERFACE,
            key=f"I-{number}",
            title="Bank file",
            by=me,
            now=now,
        )


def pages(get: Callable[[str], tuple[str, bytes]], tenant: Tenant) -> list[tuple[str, str]]:
    """Every list of the console and the page of its first row."""
    is_public = tenant.schema_name == PUBLIC
    site = public_site if is_public else tenant_site
    found = [("overview", "/admin/")]
    for model in sorted(site._registry, key=lambda model: model._meta.label):
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found.append((f"list of {model._meta.verbose_name_plural}", base))
        with entering(tenant):
            first = model._default_manager.order_by("-pk").first()
        page = f"{base}{first.pk}/change/" if first else ""
        if page and get(page)[0].startswith("200"):
            found.append((f"page of a {model._meta.verbose_name}", page))
    if is_public:
        return [(f"operators' {name}", path) for name, path in found]
    incidents = "/admin/hypercare/incident/"
    found.append(
        ("incidents, found and filtered", f"{incidents}?{urlencode({'q': 'invoices', 'breached': 'now'})}")
    )
    found.append(("incidents, 200 on a page", f"{incidents}?all="))
    return found


def others(now: datetime) -> None:
    """More tenants, each with a project and an incident that nobody answered in time."""
    provisioning.prepare_spares(count=TENANTS, now=now)
    for _number in range(TENANTS):
        with entering(create()):
            program = hypercare.create_program(code="ERP", name="ERP renewal", by=BY, now=now)
            project = hypercare.create_project(program=program, code="WAVE", name="Wave", by=BY, now=now)
            late = now - timedelta(hours=9)
            hypercare.report_incident(project=project, title="Late", severity="P2", by=BY, now=late)


def measured(tenant: Tenant, user: User) -> list[Row]:
    get = browser(tenant, user)
    rows = []
    for name, path in pages(get, tenant):
        status, _body = get(path)
        assert status.startswith("200"), (path, status)
        times = [timed(lambda path=path: get(path)) for _ in range(ROUNDS)]  # type: ignore[misc]
        rows.append(Row(f"console: {name}, p95", quantiles(times, n=20)[-1], LIMIT, median(times)))
    return rows


def main() -> list[Row]:
    logging.disable(logging.ERROR)
    with own_database(empty=True), override_settings(SECURE_SSL_REDIRECT=False):
        call_command("migrate", verbosity=0)
        tenant, now = create(), timezone.now()
        people = [
            services.create_user(
                email=f"person{number}@bench.example",
                name=f"Person {number}",
                password=None,
                language="en",
                time_zone="UTC",
                by=BY,
                now=now,
            )
            for number in range(8)
        ]
        for person, role in zip(people, ["admin"] + ["agent"] * 7, strict=True):
            services.add_member(tenant=tenant, user=person, role=role, by=BY, now=now)
        with entering(tenant):
            fill(tenant, people, now)
        others(now)
        operator = factories.UserFactory(staff_role=StaffRole.PLATFORM)
        factories.second_factor(operator)
        settle()
        public = Tenant.objects.get(schema_name=PUBLIC)
        return measured(tenant, people[0]) + measured(public, operator)


if __name__ == "__main__":
    show(main())
