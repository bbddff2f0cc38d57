"""The ways to reach somebody that tenancy.deliveries sends on."""

from observability.channels.email import EmailChannel, message_id
from observability.channels.pagerduty import PagerDutyChannel
from observability.channels.slack import SlackChannel, SlackWebhookChannel
from observability.channels.webhook import WebhookChannel

__all__ = [
    "EmailChannel",
    "PagerDutyChannel",
    "SlackChannel",
    "SlackWebhookChannel",
    "WebhookChannel",
    "message_id",
]
