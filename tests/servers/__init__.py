"""Receivers on loopback that speak the providers' protocols, keep a ledger and misbehave when told to.

Nothing here knows Django or the product: tests, chaos tests and a demo use them alike.
`python -m tests.servers --dir DIR` starts one of each.
"""

from tests.servers.base import Ledger, Server
from tests.servers.pagerduty import PagerDutyServer
from tests.servers.slack import SlackServer
from tests.servers.smtp import SmtpServer
from tests.servers.webhooks import WebhookServer

__all__ = ["Ledger", "PagerDutyServer", "Server", "SlackServer", "SmtpServer", "WebhookServer"]
