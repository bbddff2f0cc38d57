"""Personal data beside the journals: erased when somebody asks, and when its time is over. The chains stay valid."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import current_schema, entering_schema
from tenancy.errors import NotFound
from tenancy.permissions import require
from tenancy.services import guards
from tenancy.transactions import atomic, chain_of, emit, ref

RETENTION = Actor.system("retention")


def erase_personal(*, subject: models.Model | str, reason: str, by: Actor, now: datetime) -> int:
    """Erase the personal parts of all lines about `subject` in the current schema's journal; return how many.

    Archives of pruned lines are files outside and not reached.
    Raises NotAllowed, Invalid without a reason, NotFound when there is nothing to erase.
    """
    require(by, "journal.erase")
    reason = guards.text(reason, "reason", longest=500)
    name = subject if isinstance(subject, str) else ref(subject)
    with atomic():
        count = erase_about([name], schema=current_schema(), reason=reason, by=by, now=now)
        if not count:
            raise NotFound(_("The journal holds nothing personal about this."))
    return count


def erase_about(subjects: Sequence[str], *, schema: str, reason: str, by: Actor, now: datetime) -> int:
    """Erase what `erase_personal` does, in the journal of `schema`; part of verbs that have checked who asks."""
    chain = chain_of(schema)
    with atomic(), entering_schema(schema):
        parts = chain.personal._default_manager
        events = chain.events._default_manager.filter(subject__in=subjects, pk__in=parts.values("pk"))
        about = dict(events.values_list("pk", "subject"))
        parts.filter(pk__in=about).delete()
        for subject, count in sorted(Counter(about.values()).items()):
            data = {"count": count, "reason": reason}
            emit("journal.personal_erased", subject, by=by, now=now, data=data)
    return len(about)


def erase_expired_personal(*, before: datetime, now: datetime) -> int:
    """Erase the personal parts of the current schema's lines older than `before`; return how many.

    In transactions of retention.BATCH parts each, so that what stops it loses one batch.
    """
    chain, size = chain_of(current_schema()), settings.THRESHOLDS.retention.BATCH
    parts = chain.personal._default_manager
    total = 0
    while True:
        with atomic():
            old = chain.events._default_manager.filter(at__lt=before).exclude(personal_hash="")
            batch = list(parts.filter(pk__in=old.values("pk")).values_list("pk", flat=True)[:size])
            if not batch:
                return total
            parts.filter(pk__in=batch).delete()
            data = {"count": len(batch), "reason": "retention"}
            emit("journal.personal_erased", chain.head(), by=RETENTION, now=now, data=data)
        total += len(batch)
