"""What was built before the go-live, as far as incidents come from it."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from hypercare.models import BacklogItem, Incident, Project
from hypercare.services.rows import check_version, insert, refusing
from hypercare.states import WorkItemKind
from tenancy.actors import Actor
from tenancy.errors import Conflict
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, emit


def create_backlog_item(
    *, project: Project, kind: str, key: str, title: str, url: str = "", by: Actor, now: datetime
) -> BacklogItem:
    """Write down a WRICEF object of the project. Raises NotAllowed, Invalid by field (a key that is taken)."""
    require(by, "backlog_item.change")
    with atomic():
        item = BacklogItem(
            project=project,
            kind=guards.choice(kind, "kind", WorkItemKind.values),
            key=guards.text(key, "key", longest=40),
            title=guards.text(title, "title", longest=255),
            url=url.strip(),
            created_at=now,
        )
        insert(item)
        data = {"kind": item.kind, "key": item.key}
        emit("backlog_item.created", item, by=by, now=now, data=data, scope=project.pk)
    return item


def change_backlog_item(
    *,
    item: BacklogItem,
    kind: str,
    key: str,
    title: str,
    url: str = "",
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> BacklogItem:
    """Change what differs. Raises NotAllowed, Stale, Invalid by field (a key that is taken)."""
    require(by, "backlog_item.change")
    given = {
        "kind": guards.choice(kind, "kind", WorkItemKind.values),
        "key": guards.text(key, "key", longest=40),
        "title": guards.text(title, "title", longest=255),
        "url": url.strip(),
    }
    with atomic():
        row = BacklogItem.objects.select_for_update().get(pk=item.pk)
        check_version(row, version)
        changed = {
            name: [getattr(row, name), value] for name, value in given.items() if getattr(row, name) != value
        }
        for name, (_old, value) in changed.items():
            setattr(row, name, value)
        if changed:
            with refusing(row):
                row.save(update_fields=list(changed))
            emit("backlog_item.changed", row, by=by, now=now, data=changed, scope=row.project_id)
    return row


def delete_backlog_item(*, item: BacklogItem, by: Actor, now: datetime) -> None:
    """Delete an item that no incident comes from. Raises NotAllowed, Conflict when some do."""
    require(by, "backlog_item.change")
    with atomic():
        row = BacklogItem.objects.select_for_update().get(pk=item.pk)
        if Incident.objects.filter(backlog_item=row).exists():
            raise Conflict(_("Incidents come from it; take their links away first."), state="in_use")
        emit("backlog_item.deleted", row, by=by, now=now, data={"key": row.key}, scope=row.project_id)
        row.delete()
