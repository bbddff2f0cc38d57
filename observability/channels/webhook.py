"""Events for programs, signed as https://www.standardwebhooks.com asks."""

import json
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from observability.channels.egress import Egress, judge
from tenancy.deliveries import Audience, Data, Form
from tenancy.models import Delivery, Endpoint

_GONE = frozenset({410})


class WebhookChannel:
    """A POST to the endpoint's address: never lost, and so perhaps sent twice, with the same `webhook-id`.

    410 says that nobody listens any more and is Rejected; every other answer than 2xx is tried again.
    """

    name = "webhook"
    form = Form.DATA
    repeats_when_unsure = True

    def __init__(self) -> None:
        self._egress = Egress()

    def send(self, delivery: Delivery, audience: Audience, content: Data, *, now: datetime) -> str:
        """Hand the event over, signed at `now`, and return the `webhook-id` that it carried."""
        assert audience.endpoint is not None
        body = json.dumps(
            {"type": content.type, "timestamp": _iso(content.at), "data": content.data},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        headers = {"Content-Type": "application/json"} | _signed(
            audience.endpoint, delivery.key, body, now=now
        )
        judge(self._egress.post(audience.endpoint.address, body.encode(), headers), final=_GONE, now=now)
        return delivery.key

    def hang_up(self) -> None:
        self._egress.hang_up()


def _signed(endpoint: Endpoint, key: str, body: str, *, now: datetime) -> dict[str, str]:
    """The three headers. While a rotation lasts both secrets sign, so that the receiver can change over in it."""
    secrets = [endpoint.secret]
    if endpoint.previous_until is not None and now < endpoint.previous_until:
        secrets.append(endpoint.previous_secret)
    at = now.astimezone(UTC)
    return {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(key, at, body) for secret in secrets),
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
