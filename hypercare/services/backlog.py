"""What was built before the go-live, as far as incidents come from it."""

from datetime import datetime

from hypercare.models import BacklogItem, Project
from hypercare.services.rows import insert
from hypercare.states import WorkItemKind
from tenancy.actors import Actor
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
