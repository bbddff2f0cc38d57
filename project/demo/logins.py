"""Who can sign in where, with a token that works: `.data/demo.json`, for programs and for the greeting."""

import json
import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NotRequired, TypedDict

from allauth.mfa.totp.internal.auth import generate_totp_secret

from hypercare.models import Project
from project.demo import data
from project.demo.run import Place
from project.demo.seed import SYSTEM
from tenancy import services
from tenancy.context import PUBLIC, entering
from tenancy.models import ApiToken, Tenant, User
from tenancy.rules import secret_digest
from tenancy.states import Role

NAME = "demo"
DAYS = 30
PER_ROLE = {Role.MANAGER: 2}  # two sit on the change board: nobody approves their own request
_FRESH = timedelta(days=1)  # a kept token works at least that long


class Login(TypedDict):
    role: str
    email: str
    password: str
    token: str
    totp_secret: NotRequired[str]
    """One of us signs in with a code of it."""


class Code(TypedDict):
    id: str
    code: str


class Metrics(TypedDict):
    """Where Prometheus reads, and what it has to send: `Authorization: Bearer <token>`."""

    url: str
    token: str


class Console(TypedDict):
    url: str
    logins: list[Login]
    metrics: Metrics


class TenantNotes(TypedDict):
    slug: str
    url: str
    projects: list[Code]
    logins: list[Login]


class Notes(TypedDict):
    """The shape of demo.json."""

    console: Console
    tenants: list[TenantNotes]


def notes(place: Place, *, now: datetime) -> Notes:
    """URLs, projects and one login per role (two managers), for the tenants that are there.

    Tokens of an earlier demo.json are kept while they work; in place of others new ones are issued, and what is
    left of the old is revoked.
    """
    kept = _tokens(place.notes)
    public = Tenant.objects.get(schema_name=PUBLIC)
    staff = ((person.staff_role, person.email) for person in data.STAFF)
    found: Notes = {
        "console": {
            "url": place.url(),
            "logins": list(_logins(staff, public, kept, now=now)),
            "metrics": {"url": f"{place.base_url}/metrics", "token": _metrics_token(place.notes)},
        },
        "tenants": [],
    }
    for plan in data.TENANTS:
        tenant = Tenant.objects.filter(slug=plan.slug).first()
        if tenant is None:
            continue
        with entering(tenant):
            codes = {project.code: str(project.pk) for project in Project.objects.all()}
        planned = [project.code for project in plan.projects]
        order = sorted(
            codes, key=lambda code: (code not in planned, planned.index(code) if code in planned else 0)
        )
        found["tenants"].append(
            {
                "slug": plan.slug,
                "url": place.url(plan.slug),
                "projects": [{"id": codes[code], "code": code} for code in order],
                "logins": list(_logins(_one_per_role(plan), tenant, kept, now=now)),
            }
        )
    return found


def write(found: Notes, path: Path) -> None:
    """Write demo.json, readable by its owner alone."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(found, file, indent=2, ensure_ascii=False)
        file.write("\n")
    new.replace(path)


def read(path: Path) -> Notes | None:
    """What was written at the last start; None if nothing was, or nothing that can be read."""
    try:
        found: Notes = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _one_per_role(plan: data.TenantPlan) -> Iterator[tuple[str, str]]:
    for role in Role:
        members = [member for member in plan.members if member.role == role]
        for member in members[: PER_ROLE.get(role, 1)]:
            yield role.value, member.email


def _tokens(path: Path) -> set[str]:
    found = read(path)
    if found is None:
        return set()
    places = [found["console"], *found["tenants"]]
    return {login["token"] for one in places for login in one["logins"]}


def _metrics_token(path: Path) -> str:
    """The one of an earlier demo.json, else a new one."""
    found = read(path)
    kept = found["console"].get("metrics") if found is not None else None
    return kept["token"] if kept else secrets.token_urlsafe(32)


def _logins(
    people: Iterator[tuple[str, str]], tenant: Tenant, kept: set[str], *, now: datetime
) -> Iterator[Login]:
    known = {secret_digest(token): token for token in kept}
    for role, email in people:
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            continue  # somebody tried out how people are let go
        token = _token(user, tenant, known, now=now)
        login: Login = {"role": role, "email": email, "password": data.PASSWORD, "token": token}
        if user.staff_role:
            login["totp_secret"] = _second_factor(user, now=now)
        yield login


def _second_factor(user: User, *, now: datetime) -> str:
    """The secret of the user's second factor, which is switched on if it is off."""
    if not services.has_totp(user):
        services.enrol_second_factor(user=user, secret=generate_totp_secret(), by=SYSTEM, now=now)
    return services.totp_secret(user)


def code(email: str, *, now: datetime) -> str:
    """The code that this person's authenticator app would show now; empty when they have no second factor."""
    user = User.objects.filter(email__iexact=email).first()
    secret = services.totp_secret(user) if user else ""
    return services.current_code(secret, now=now) if secret else ""


def _token(user: User, tenant: Tenant, known: dict[str, str], *, now: datetime) -> str:
    live = ApiToken.objects.filter(
        user=user, tenant=tenant, name=NAME, revoked_at__isnull=True, expires_at__gt=now
    )
    for row in live.filter(digest__in=known, expires_at__gt=now + _FRESH):
        return known[row.digest]
    for row in live:
        services.revoke_token(token=row, by=SYSTEM, now=now)
    _row, secret = services.issue_token(user=user, tenant=tenant, name=NAME, days=DAYS, by=SYSTEM, now=now)
    return secret
