"""Everything with demo data under one supervisor: `make demo`; and what to try while it runs."""

import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from hypercare.models import Project
from hypercare.services import report_incident
from hypercare.services.people import project_roles
from hypercare.states import ClockKind
from project.demo import cases, data, logins, run, seed
from project.demo.account import account
from project.mailbox import Hooks, Mailbox
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.states import Role, TenantState

FOLDER = Path(settings.BASE_DIR) / ".data"
BREACHES_IN = timedelta(seconds=60)


class Command(BaseCommand):
    help = (
        "Migrates, makes the demo tenants if there are none, and runs web, worker, beat, watchdog and a mailbox "
        "until Ctrl-C. "
        "While it runs, --incident opens a P1 that breaches in a minute, --mail shows the newest mail, --code gives "
        "the code that one of us signs in with, and --account compares what was to be told with what the mailbox got."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--incident", action="store_true", help="Open a P1 that breaches in 60 seconds.")
        what.add_argument("--mail", action="store_true", help="Show the newest mail as text.")
        what.add_argument(
            "--account", action="store_true", help="Account for every message; exit 1 if one is missing."
        )
        what.add_argument("--code", metavar="EMAIL", help="Show the code that signs this person in now.")
        parser.add_argument("--tenant", default="acme", metavar="SLUG", help="Whose incident (%(default)s).")
        parser.add_argument(
            "--port",
            type=int,
            default=run.PORT,
            help="Where to serve, or on the next free one (%(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENV != "development":
            raise CommandError(
                f"The demo has passwords that everybody knows and runs with ENV=development only, not {settings.ENV}."
            )
        try:
            if options["incident"]:
                self._incident(options["tenant"])
            elif options["mail"]:
                self._mail()
            elif options["code"]:
                self._code(options["code"])
            elif options["account"]:
                self._account()
            else:
                with run.alone(FOLDER):
                    self._demo(options["port"])
        except run.Busy as busy:
            raise CommandError(str(busy)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped before it was ready; nothing is half made.", returncode=130) from None

    # ---- the demo itself ----------------------------------------------------------------------------------------

    def _demo(self, wanted: int) -> None:
        began = time.monotonic()
        port, mail, hook = (run.free_port(port) for port in (wanted, run.MAIL_PORT, run.HOOK_PORT))
        place = run.Place(settings.BASE_HOST, port, mail, hook, FOLDER)
        if place.port != wanted:
            self.stdout.write(f"Port {wanted} is taken: serving on {place.port}.")
        self._look_at(place)
        call_command("migrate", verbosity=0)
        news = self._fill(place)
        seed.connect(place.hook, now=timezone.now())
        found = logins.notes(place, now=timezone.now())
        logins.write(found, place.notes)
        connections.close_all()
        self.stdout.write(
            f"Prepared in {time.monotonic() - began:.0f} s. Starting web, worker, beat, watchdog and mailbox ..."
        )
        self.stdout.flush()
        path = os.pathsep.join(filter(None, (str(settings.BASE_DIR), os.environ.get("PYTHONPATH"))))
        env = {
            **os.environ,
            "PYTHONPATH": path,
            "BASE_URL": place.base_url,
            "EMAIL_URL": f"smtp://127.0.0.1:{place.mail_port}",
            "EGRESS_ALLOW_LOOPBACK": "true",
            "SLACK_HOOKS_URL": place.hook,
            "PAGERDUTY_URL": place.hook,
            "METRICS_TOKEN": found["console"]["metrics"]["token"],
        }
        run.start(place, env, greeting(found, place, news))

    @staticmethod
    def _look_at(place: run.Place) -> None:
        """Settings were read before the ports were known; the history's mails are rendered and sent from here."""
        settings.BASE_URL = place.base_url
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", place.mail_port
        settings.EGRESS_ALLOW_LOOPBACK = True
        settings.SLACK_HOOKS_URL = settings.PAGERDUTY_URL = place.hook

    def _fill(self, place: run.Place) -> str:
        """Make the tenants if none of them is there, and say what is."""
        slugs = [plan.slug for plan in data.TENANTS]
        there = list(Tenant.objects.filter(slug__in=slugs).order_by("created_at"))
        now = timezone.now()
        if there:
            age = max(timedelta(), now - there[0].created_at - data.FOUNDED)
            missing = sorted(set(slugs) - {tenant.slug for tenant in there})
            gone = f" Gone: {', '.join(missing)}." if missing else ""
            return f"The data is as you left it, made {_ago(age)}; its clocks went on.{gone} Fresh: make demo-reset"
        self.stdout.write("Playing three weeks of history ...")
        self.stdout.flush()
        logging.disable(logging.WARNING)  # what was is no news, and aiosmtpd has ten lines a mail
        try:
            incidents = seed.seed(now=now)
            with mailbox(place):
                mails = seed.post(now=now)
        finally:
            logging.disable(logging.NOTSET)
        return f"Made anew: {incidents} incidents of three weeks, {mails} mails about them."

    # ---- what to try --------------------------------------------------------------------------------------------

    def _incident(self, slug: str) -> None:
        found = logins.read(FOLDER / "demo.json")
        if found is None or not run.runs(FOLDER):
            raise CommandError("The demo does not run here: start it in another shell with make demo.")
        tenant = Tenant.objects.filter(slug=slug, state=TenantState.ACTIVE).first()
        notes = next((one for one in found["tenants"] if one["slug"] == slug), None)
        if tenant is None or notes is None:
            raise CommandError(f"There is no active demo tenant {slug!r}.")
        now = timezone.now()
        case = cases.PHONED[tenant.language]
        target = timedelta(minutes=settings.THRESHOLDS.sla.for_severity(case.severity).response)
        with entering(tenant):
            project = Project.objects.get(pk=notes["projects"][0]["id"])
            roles = project_roles(project)
            customer = next(user for user, role in sorted(roles.items()) if role == Role.CUSTOMER)
            incident = report_incident(
                project=project,
                title=case.title,
                description=case.description,
                severity=case.severity,
                incident_type=case.kind,
                affected_module=case.module,
                by=Actor.member(customer, Role.CUSTOMER),
                now=now - target + BREACHES_IN,
            )
            due = timezone.localtime(incident.deadline(ClockKind.RESPONSE), tenant.time_zone)
        told = [user for user, role in roles.items() if role in (Role.AGENT, Role.MANAGER)]
        emails = User.objects.filter(pk__in=told).order_by("email").values_list("email", flat=True)
        base = notes["url"]
        self.stdout.write(
            f"\n{incident.severity} {incident.key} {incident.title}\n"
            f"  {base}p/{project.code}/incidents/{incident.number}\n"
            f"  {base}api/v1/projects/{project.pk}/hypercare/incidents/{incident.pk}\n"
            f"  Reported by telephone {_minutes(target - BREACHES_IN)} minutes ago, written down now.\n"
            f"  If nobody answers, its first response is overdue in {BREACHES_IN.seconds} seconds,"
            f" at {due:%H:%M:%S} ({tenant.time_zone}).\n"
            "  Then a mail goes to each of\n"
            + "".join(f"    {email}\n" for email in emails)
            + f"  and lands in {FOLDER / 'mail'} within seconds: manage.py demo --mail\n"
        )

    def _mail(self) -> None:
        folder = FOLDER / "mail"
        newest = max(folder.glob("*.eml"), default=None)
        if newest is None:
            raise CommandError(f"There is no mail in {folder}.")
        mail = message_from_bytes(newest.read_bytes(), policy=policy.default)
        heads = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Date", "Subject"))
        part = mail.get_body(("plain",))
        body = part.get_content() if part else ""
        count = sum(1 for _path in folder.glob("*.eml"))
        self.stdout.write(f"{heads}\n\n{body}\n({newest}, the newest of {count})")

    def _code(self, email: str) -> None:
        code = logins.code(email, now=timezone.now())
        if not code:
            raise CommandError(f"{email} has no second factor.")
        self.stdout.write(code)

    def _account(self) -> None:
        found = account(FOLDER / "mail")
        told = sum(found.states.values())
        states = ", ".join(f"{count} {state}" for state, count in sorted(found.states.items()))
        self.stdout.write(
            f"{told} mails, webhooks and pages were to be sent: {states or 'none'}.\n"
            f"{found.arrived} are in the mailbox; {found.repeated} came again, with the id they had;"
            f" {len(found.missing)} are missing, {found.strange} are nobody's."
        )
        if not found.balanced:
            raise CommandError("\n".join(["It does not add up (yet).", *found.missing]))
        self.stdout.write("Every message is accounted for.")


@contextmanager
def mailbox(place: run.Place) -> Iterator[None]:
    """The mailbox in this process, as long as no other has its ports."""
    mails = Controller(Mailbox(place.mail), hostname="127.0.0.1", port=place.mail_port)
    hooks = Hooks(place.mail, host="127.0.0.1", port=place.hook_port)
    mails.start()
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        mails.stop()
        hooks.shutdown()
        hooks.server_close()


def greeting(found: logins.Notes, place: run.Place, news: str) -> str:
    """What is where, as text for a terminal."""
    lines = [
        "",
        "=" * 78,
        "  The demo is ready. " + news,
        "",
        f"  Operations console   {found['console']['url']}",
    ]
    lines += _people(found["console"]["logins"])
    lines.append("    (each with a code: .venv/bin/python manage.py demo --code EMAIL)")
    for tenant in found["tenants"]:
        codes = ", ".join(project["code"] for project in tenant["projects"])
        lines += ["", f"  {tenant['slug']:<20} {tenant['url']}   projects {codes}"]
        lines += _people(tenant["logins"])
    token = re.sub(r"^http://", "", found["tenants"][0]["url"]) if found["tenants"] else ""
    lines += [
        "",
        f"  Everybody's password  {data.PASSWORD}",
        f"  Tokens for scripts    {place.notes}",
        f"                        curl -H 'Authorization: Bearer ...' http://{token}api/v1/me",
        f"  Mails                 {place.mail}, the newest: .venv/bin/python manage.py demo --mail",
        "  Watch a breach        .venv/bin/python manage.py demo --incident    (in another shell)",
        f"  Slack and the pager   curl {place.told}    shows what they were told",
        f"  Watchdog's heartbeat  curl {place.heartbeat}    says when the last one came",
        "  Stop                  Ctrl-C. A second start keeps the data; make demo-reset drops it.",
        "=" * 78,
        "",
        "",
    ]
    return "\n".join(lines)


def _people(found: list[logins.Login]) -> list[str]:
    only = {"customer": "   (API and mail; the console is for those who handle incidents)"}
    return [f"    {login['role']:<10} {login['email']}{only.get(login['role'], '')}" for login in found]


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)


def _ago(age: timedelta) -> str:
    minutes = _minutes(age)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if age < timedelta(days=2) else f"{age.days} days ago"
