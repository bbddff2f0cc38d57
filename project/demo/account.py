"""What was to be told by mail, webhook and pager, beside what the demo's mailbox got.

A message of a Slack webhook carries nothing that it could be known by.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from observability.channels import message_id
from project.mailbox import PAGERDUTY, SLACK
from tenancy.models import Delivery
from tenancy.states import DeliveryState


@dataclass(frozen=True, slots=True)
class Account:
    """Counts of deliveries by state, and how the mailbox differs from those that were sent; `missing` by key."""

    states: dict[str, int]
    arrived: int
    missing: tuple[str, ...]
    repeated: int
    strange: int

    @property
    def balanced(self) -> bool:
        """Nothing waits, nothing was given up, and each message is there: a repeat, with its key, counts once."""
        over = (DeliveryState.SENT, DeliveryState.MOOT)
        unsent = sum(count for state, count in self.states.items() if state not in over)
        return not (unsent or self.missing or self.strange)


def account(mailbox: Path) -> Account:
    """Compare all deliveries by mail, webhook and pager with the Message-IDs and keys in `mailbox`."""
    rows = list(Delivery.objects.filter(channel__in=["email", "webhook", "pagerduty"]))
    told = {message_id(row) if row.channel == "email" else row.key: row for row in rows}
    arrived = Counter([*_mails(mailbox), *_hooks(mailbox)])
    sent = {key for key, row in told.items() if row.state == DeliveryState.SENT}
    return Account(
        states=dict(Counter(row.state for row in rows)),
        arrived=len(arrived),
        missing=tuple(sorted(sent - arrived.keys())),
        repeated=arrived.total() - len(arrived),
        strange=len(arrived.keys() - told.keys()),
    )


def _mails(mailbox: Path) -> Iterator[str]:
    for path in mailbox.glob("*.eml"):
        yield str(message_from_bytes(path.read_bytes(), policy=policy.default)["Message-ID"]).strip()


def _hooks(mailbox: Path) -> Iterator[str]:
    for path in mailbox.glob("*.json"):
        kept = json.loads(path.read_bytes())
        if kept.get("path") == PAGERDUTY:
            yield json.loads(kept["body"])["payload"]["custom_details"]["delivery"]
        elif not kept.get("path", "").startswith(SLACK):
            yield {name.lower(): value for name, value in kept["headers"].items()}["webhook-id"]
