"""What fills the holes: parameters of URL patterns, bodies of API calls, fields of forms, arguments of tasks.

A pattern, a call, a verb or a task that nothing here fills fails the walk. To add one, add a line to its table.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Model
from django.utils import timezone

from tenancy.models import Endpoint, Tenant
from tenancy.web.admin import public_site
from tests.isolation.routes import Route
from tests.isolation.world import Part

Ids = Mapping[str, Any]

# ---- patterns -----------------------------------------------------------------------------------------------------

# Anybody may see these, and they say nothing about any tenant but its name.
OPEN = {
    "",
    "sign-in",
    "p/<page>",
    "admin/login/",
    "admin/logout/",
    "admin/jsi18n/",
}
OPEN_BELOW = ("account/", "_allauth/")
# Parameters that name no row: every value is walked.
WORDS: dict[str, tuple[str, ...]] = {
    "app_label": ("hypercare", "tenancy"),
    "code": ("not_found",),
    "format": ("json",),
    "key": ("not-ready", "nothing-here"),
    "kind": ("csv", "xlsx"),
    "link": ("nobody-gave-this",),
    "page": ("WALK", "WALK/incidents/1"),
    "url": ("nothing-here/",),
}


def paths(route: Route, ids: Ids, rows: Mapping[str, str]) -> list[str]:
    """`route` with every hole filled by `ids` and `rows` of one project; empty if something has no fixture."""
    values = dict(ids)
    if "object_id" in route.params:
        values["object_id"] = rows.get(model_label(route))
    filled: list[dict[str, Any]] = [{}]
    for name in route.params:
        choices = WORDS.get(name) or ((values[name],) if values.get(name) is not None else ())
        filled = [{**already, name: value} for already in filled for value in choices]
    return [route.path(each) for each in filled]


def model_label(route: Route) -> str:
    """`hypercare.incident` of a page of the console about incidents."""
    parts = route.label.split("/")
    return ".".join(parts[1:3])


def is_open(route: Route) -> bool:
    return route.label in OPEN or route.label.startswith(OPEN_BELOW)


def is_api(route: Route) -> bool:
    return route.label.startswith("api/")


def public_rows(tenant: Tenant, public: Tenant) -> dict[str, str]:
    """One row of each list of the public host, `tenant`'s where rows belong to one."""
    found = {}
    for model in public_site._registry:
        if model is Endpoint:
            continue  # the public host has its own, and shows no tenant's
        manager = model._default_manager
        ours = manager.filter(tenant=tenant) if _has_tenant(model) else manager.all()
        row = tenant if model is Tenant else ours.order_by("-pk").first()
        if row is not None:
            found[model._meta.label_lower] = str(row.pk)
    own = Endpoint.objects.filter(tenant=public).first()
    assert own, "the walk makes one"
    return found | {Endpoint._meta.label_lower: str(own.pk)}


def _has_tenant(model: type[Model]) -> bool:
    return any(field.name == "tenant" for field in model._meta.concrete_fields)


# ---- calls of the API ---------------------------------------------------------------------------------------------

_PROJECT = "api/v1/projects/<project>"
_HYPERCARE = f"{_PROJECT}/hypercare"
_INCIDENT = f"{_HYPERCARE}/incidents/<incident>"
_CHANGE = f"{_HYPERCARE}/change-requests/<change>"
_MINUTES = {"response_minutes": 15, "resolution_minutes": 60}
_WEEK = {"time_zone": "UTC", "weekly": {"monday": [["09:00", "17:00"]]}}


def _incident(part: Part) -> dict[str, Any]:
    return {
        "linked_backlog_item_id": str(part.shown["item"]),
        "change_request_id": str(part.shown["change draft"]),
    }


def _whole_change(part: Part) -> dict[str, Any]:
    texts = ("title", "description", "impact_assessment", "rollback_plan", "test_evidence")
    rest = {"affected_module": "FI", "test_required": True, "planned_implementation_date": None}
    return dict.fromkeys(texts, "walked") | {"change_type": "data", "priority": "P3"} | rest


def _whole_incident(part: Part) -> dict[str, Any]:
    given = {"title": "walked", "description": "", "severity": "P2", "incident_type": "other"}
    more = {"affected_module": "", "affected_users_count": 1, "requires_change_request": True}
    return given | more | _incident(part)


# Calls that write nothing whatever their method is, so read-only access may make them.
READING = {("POST", "api/v1/events/ticket")}
# What is sent, and to which row where its state matters. `None`: this call has no body.
CALLS: dict[tuple[str, str], tuple[Callable[[Part], dict[str, Any] | None], Ids]] = {
    ("PATCH", "api/v1/me"): (lambda part: {"language": "tr"}, {}),
    ("PUT", "api/v1/me/notifications"): (lambda part: {"level": "urgent"}, {}),
    ("DELETE", "api/v1/me/notifications"): (lambda part: None, {}),
    ("PUT", "api/v1/me/notifications/<scope>"): (lambda part: {"level": "urgent"}, {}),
    ("DELETE", "api/v1/me/notifications/<scope>"): (lambda part: None, {}),
    ("POST", "api/v1/events/ticket"): (lambda part: None, {}),
    ("POST", "api/v1/programs"): (lambda part: {"code": "NEW", "name": "walked"}, {}),
    ("PATCH", "api/v1/programs/<program>"): (lambda part: {"name": "walked"}, {}),
    ("DELETE", "api/v1/programs/<program>"): (lambda part: None, {"program": "spare program"}),
    ("POST", "api/v1/projects"): (
        lambda part: {"program_id": str(part.shown["program"]), "code": "NEW", "name": "walked"},
        {},
    ),
    ("PATCH", _PROJECT): (lambda part: {"name": "walked", "program_id": str(part.shown["program"])}, {}),
    ("DELETE", _PROJECT): (lambda part: None, {"project": "spare project"}),
    ("POST", f"{_PROJECT}/members"): (lambda part: {"user_id": part.people["outsider"].pk}, {}),
    ("PATCH", f"{_PROJECT}/members/<member>"): (lambda part: {"support_level": "L2"}, {}),
    ("DELETE", f"{_PROJECT}/members/<member>"): (lambda part: None, {}),
    ("POST", f"{_HYPERCARE}/backlog-items"): (
        lambda part: {"kind": "W", "key": "W-9", "title": "walked"},
        {},
    ),
    ("POST", f"{_HYPERCARE}/calendars"): (lambda part: {"name": "walked"} | _WEEK, {}),
    ("PUT", f"{_HYPERCARE}/calendars/<calendar>"): (lambda part: {"name": "walked"} | _WEEK, {}),
    ("POST", f"{_HYPERCARE}/policies"): (
        lambda part: {"targets": {"P1": {**_MINUTES, "calendar_id": str(part.shown["calendar"])}}},
        {},
    ),
    ("DELETE", f"{_HYPERCARE}/policies/<policy>"): (lambda part: None, {}),
    ("POST", f"{_HYPERCARE}/incidents"): (lambda part: {"title": "walked"}, {}),
    ("POST", "api/v1/alerts/<alert>/acknowledge"): (lambda part: {"note": "walked"}, {}),
    ("POST", "api/v1/run-summaries"): (lambda part: {"day": f"{timezone.now():%Y-%m-%d}"}, {}),
    ("PUT", _INCIDENT): (_whole_incident, {}),
    ("PATCH", _INCIDENT): (_incident, {}),
    ("POST", f"{_INCIDENT}/assign"): (lambda part: {"assigned_to_id": part.people["manager"].pk}, {}),
    ("POST", f"{_INCIDENT}/escalate"): (lambda part: {"reason": "walked"}, {}),
    ("POST", f"{_INCIDENT}/first-response"): (lambda part: None, {"incident": "incident unanswered"}),
    ("POST", f"{_INCIDENT}/comments"): (lambda part: {"content": "walked"}, {}),
    ("POST", f"{_INCIDENT}/comments/preview"): (lambda part: {"content": "walked"}, {}),
    ("POST", f"{_INCIDENT}/wait"): (
        lambda part: {"reason": "walked", "owner_id": part.people["customer"].pk},
        {},
    ),
    ("POST", f"{_INCIDENT}/resume"): (lambda part: None, {"incident": "incident waiting"}),
    ("POST", f"{_INCIDENT}/resolve"): (
        lambda part: {"root_cause": "walked", "resolution_notes": "walked"},
        {},
    ),
    ("POST", f"{_INCIDENT}/close"): (lambda part: None, {"incident": "incident resolved"}),
    ("POST", f"{_INCIDENT}/reopen"): (lambda part: {"reason": "walked"}, {"incident": "incident resolved"}),
    ("POST", f"{_HYPERCARE}/change-requests"): (
        lambda part: {
            "title": "walked",
            "change_type": "data",
            "incident_id": str(part.shown["incident in_progress"]),
        },
        {},
    ),
    ("PUT", _CHANGE): (_whole_change, {"change": "change draft"}),
    ("PATCH", _CHANGE): (lambda part: {"title": "walked"}, {"change": "change draft"}),
    ("POST", f"{_CHANGE}/submit"): (lambda part: None, {"change": "change draft"}),
    ("POST", f"{_CHANGE}/approve"): (lambda part: None, {"change": "change pending"}),
    ("POST", f"{_CHANGE}/reject"): (lambda part: {"reason": "walked"}, {"change": "change pending"}),
    ("POST", f"{_CHANGE}/redraft"): (lambda part: None, {}),
    ("POST", f"{_CHANGE}/start"): (lambda part: None, {"change": "change approved"}),
    ("POST", f"{_CHANGE}/implement"): (lambda part: {}, {"change": "change started"}),
    ("POST", f"{_CHANGE}/close"): (lambda part: None, {"change": "change implemented"}),
}


def strangers_of(part: Part, value: Any, *others: Part) -> list[Any]:
    """What stands elsewhere for `value`, if that is an id of `part`'s shown project or of one of its people: the
    same of the hidden project, and of `others`."""
    for name, own in part.shown.items():
        if str(own) == str(value):
            return (
                [part.hidden[name], *(other.shown[name] for other in others)] if name in part.hidden else []
            )
    for name, person in part.people.items():
        if str(person.pk) == str(value):
            return [other.people[name].pk for other in others]
    return []


def misdirected(part: Part, body: Any, *others: Part) -> Iterator[Any]:
    """`body` once for each id in it, with that id from elsewhere."""
    if isinstance(body, dict):
        for name, value in body.items():
            for wrong in misdirected(part, value, *others):
                yield {**body, name: wrong}
    elif isinstance(body, str | int) and not isinstance(body, bool):
        yield from (
            str(wrong) if isinstance(body, str) else wrong for wrong in strangers_of(part, body, *others)
        )


# ---- verbs of the console -----------------------------------------------------------------------------------------

# What a form cannot say by the kind of its fields.
FIELDS: dict[tuple[str, str], str] = {
    ("hypercare.program.create", "code"): "NEW",
    ("hypercare.project.create", "code"): "NEW",
    ("hypercare.backlogitem.edit", "url"): "https://walk.example.com/W-9",
    ("hypercare.calendar.create", "monday"): "09:00-17:00",
    ("tenancy.endpoint.add-slack", "address"): "C0123456789",
    ("tenancy.endpoint.add-slack", "secret"): "xoxb-walked-walked-walked",
    ("tenancy.endpoint.add-slack-webhook", "secret"): "https://hooks.slack.com/services/T0/B0/walked",
    ("tenancy.endpoint.add-slack-webhook", "address"): "https://hooks.slack.com/services/T0/B0/walked",
    ("tenancy.endpoint.add-pagerduty", "secret"): "0123456789abcdef0123456789abcdef",
    ("tenancy.membership.change-role", "role"): "manager",
    ("tenancy.tenant.invite", "name"): "Walked In",
    ("tenancy.user.anonymise", "typed_email"): "alone@nowhere.example",
    ("tenancy.user.set-password", "password"): "walks through every door",
    ("tenancy.user.staff-role", "staff_role"): "release",
    ("tenancy.membership.invite", "name"): "Walked In",
    ("hypercare.savedview.save", "list"): "hypercare.incident",
    **{
        ("tenancy.endpoint." + name, "address"): "https://walk.example.com/hook"
        for name in ("add-webhook", "change")
    },
    ("tenancy.tenant.create", "slug"): "walked",
    ("tenancy.tenant.purge", "typed_slug"): "closed",
    ("tenancy.segment.create", "key"): "walking",
    ("tenancy.user.create", "password"): "walks through every door",
    ("tenancy.supportgrant.open", "minutes"): "30",
}
# The row that a verb is for, where its state matters: an id of the shown project.
ROWS: dict[str, str] = {
    "tenancy.deadline.replay": "deadline dead",
    "tenancy.delivery.retry": "delivery retried",
    "tenancy.endpoint.enable": "endpoint off",
    "tenancy.user.add-member": "user alone",
    "tenancy.user.anonymise": "user alone",
    "tenancy.user.reactivate": "user gone",
    "tenancy.user.reset-factor": "user alone",
    "tenancy.user.unlock": "user alone",
    "tenancy.membership.change-role": "membership agent",
    "tenancy.membership.remove": "membership agent",
    "tenancy.membership.reset-factor": "membership agent",
    "hypercare.changerequest.submit": "change draft",
    "hypercare.changerequest.approve": "change pending",
    "hypercare.changerequest.reject": "change pending",
    "hypercare.changerequest.start": "change approved",
    "hypercare.changerequest.implement": "change started",
    "hypercare.changerequest.close": "change implemented",
    "hypercare.changerequest.edit": "change draft",
}
# Verbs that nobody can carry out here, and why: they are asked for all the same.
NOT_DONE: dict[str, str] = {
    "public observability.alert.raise": "needs a support grant that writes, of whoever asks",
    "public tenancy.endpoint.enable": "none of ours is off; a tenant's is",
    "hypercare.backlogitem.delete": "incidents come from the one that there is",
}


def fill(key: str, form: forms.BaseForm) -> dict[str, Any]:
    """Data that `form` accepts. Raises LookupError for a field of a kind that is not known here."""
    found = {}
    for name, field in form.fields.items():
        value = FIELDS.get((key, name))
        if value is None and (field.required or isinstance(field, forms.ChoiceField)):
            value = _value(key, name, field)
        if value is not None:
            found[name] = value
    return found


def _value(key: str, name: str, field: forms.Field) -> Any:
    for kind, make in KINDS:
        if isinstance(field, kind):
            return make(field)
    raise LookupError(f"{key}: nothing fills {name}, a {type(field).__name__}")


def _first(field: Any) -> Any:
    return next((value for value in _values(field) if str(value)), None)


def _values(field: Any) -> Iterator[Any]:
    for value, label in field.choices:
        nested = label if isinstance(label, list | tuple) else [(value, label)]
        for each, _label in nested:
            yield each


def _number(field: Any) -> Any:
    return field.min_value if field.min_value is not None else 1


def _soon(form: str) -> Callable[[Any], str]:
    return lambda field: (timezone.now() + timedelta(days=2)).strftime(form)


# One row that every import takes, for each has headings of its own and leaves out the rest.
SHEET = ("walked.csv", b"Title,Key,Kind,Email\nwalked,W-7,W,outsider@acme.example\n")
KINDS: list[tuple[Any, Callable[[Any], Any]]] = [
    (forms.ModelMultipleChoiceField, lambda field: [_first(field)]),
    (forms.MultipleChoiceField, lambda field: [_first(field)]),
    (forms.ChoiceField, _first),
    (forms.FileField, lambda field: SHEET),
    (forms.BooleanField, lambda field: "on" if field.required else None),
    (forms.EmailField, lambda field: "walked@walk.example"),
    (forms.URLField, lambda field: "https://walk.example.com/hook"),
    (forms.DateTimeField, _soon("%Y-%m-%d %H:%M")),
    (forms.DateField, _soon("%Y-%m-%d")),
    (forms.TimeField, lambda field: "09:00" if field.required else None),
    (forms.IntegerField, _number),
    (forms.CharField, lambda field: "walked"),
]

# ---- tasks --------------------------------------------------------------------------------------------------------

# Arguments of every task of ours besides `tenant`: of one that works in a tenant, with ids of the part given.
TASKS: dict[str, Callable[[Part], dict[str, Any]]] = {
    "observability.tasks.evaluate": lambda part: {},
    "observability.tasks.plan_summaries": lambda part: {},
    "tenancy.tasks.dispatch": lambda part: {},
    "tenancy.tasks.export_heads": lambda part: {},
    "tenancy.tasks.refill_spares": lambda part: {},
    "tenancy.tasks.retain": lambda part: {},
    "tenancy.tasks.sweep": lambda part: {},
}
