"""What is told of the system itself, and every event for programs."""

from observability.messages.alerts import (
    ALERT_CHATS,
    ALERT_MAILS,
    SHAPES,
    part_of_route,
    whose,
    write_alert,
    write_alert_chat,
    write_alert_page,
)
from observability.messages.machinery import (
    MACHINERY,
    write_alarm,
    write_disabled,
    write_event,
    write_link,
    write_machinery,
    write_machinery_page,
    write_test,
    write_test_page,
)
from observability.messages.summaries import (
    Bar,
    bars,
    day_of,
    headline,
    write_summary_chat,
    write_summary_mail,
)
from observability.messages.verdicts import say

__all__ = [
    "ALERT_CHATS",
    "ALERT_MAILS",
    "MACHINERY",
    "SHAPES",
    "Bar",
    "bars",
    "day_of",
    "headline",
    "part_of_route",
    "say",
    "whose",
    "write_alarm",
    "write_alert",
    "write_alert_chat",
    "write_alert_page",
    "write_disabled",
    "write_event",
    "write_link",
    "write_machinery",
    "write_machinery_page",
    "write_summary_chat",
    "write_summary_mail",
    "write_test",
    "write_test_page",
]
