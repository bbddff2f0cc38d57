"""A receiver of Standard Webhooks that believes nothing without a signature."""

import json
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.servers.base import HttpServer, Ledger, Reply

SECRET = "whsec_aHlwZXJjYXJlLWxvY2FsLXJlY2VpdmVyLXNlY3JldA=="


class WebhookServer(HttpServer):
    """Takes events on any path. `accepts` lists the secrets that it would take a signature of."""

    name = "webhooks"

    def __init__(self, ledger: Ledger | None = None, **given: object):
        super().__init__(ledger, **given)
        self.secret = SECRET
        self.accepts = [SECRET]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        signed_by = [secret for secret in self.accepts if _signed(secret, headers, body)]
        if not signed_by:
            return Reply(401, b"no signature that we accept")
        event = json.loads(body)
        return Reply(
            204,
            record={
                "key": headers["webhook-id"],
                "path": path,
                "type": event["type"],
                "timestamp": event["timestamp"],
                "data": event["data"],
                "signed_by": signed_by,
            },
        )


def _signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True
