"""`python -m tests.servers --dir DIR [--drop-every N] [--delay SECONDS]`: one receiver of each kind until SIGTERM.

DIR/servers.json says where they listen, what they accept and the `environment` in which the product talks to them;
it appears when all listen. DIR/ledger.jsonl gets a line for everything that they take.
"""

import argparse
import json
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.servers import Ledger, PagerDutyServer, SlackServer, SmtpServer, WebhookServer


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.servers", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--drop-every", type=int, default=0, metavar="N")
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    options.dir.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(options.dir / "ledger.jsonl")
    webhooks, slack = WebhookServer(ledger), SlackServer(ledger)
    pagerduty, smtp = PagerDutyServer(ledger), SmtpServer(ledger)
    with ExitStack() as running:
        running.callback(ledger.close)
        for server in (webhooks, slack, pagerduty, smtp):
            server.drop_every, server.delay = options.drop_every, options.delay
            running.enter_context(server)
        described = {
            "webhooks": {"url": webhooks.url, "secret": webhooks.secret},
            "slack": {
                "api_url": slack.api_url,
                "hooks_url": slack.hooks_url,
                "hook_url": slack.hook_url,
                "token": slack.token,
                "channel": slack.channel,
            },
            "pagerduty": {"url": pagerduty.url, "routing_key": pagerduty.routing_key},
            "smtp": {"host": smtp.host, "port": smtp.port},
            "environment": {
                "EGRESS_ALLOW_LOOPBACK": "true",
                "EMAIL_URL": f"smtp://{smtp.host}:{smtp.port}",
                "PAGERDUTY_URL": pagerduty.url,
                "SLACK_BASE_URL": slack.api_url,
                "SLACK_HOOKS_URL": slack.hooks_url,
            },
        }
        partial = options.dir / "servers.json.part"
        partial.write_text(json.dumps(described, indent=2) + "\n")
        os.replace(partial, options.dir / "servers.json")
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
