"""A receiver that takes everything at once: HTTP (204) and mail. Prints its ports as JSON, ends with its input.

`python -m bench.sink`, in a process of its own, so that it is not what is measured.
"""

import asyncio
import json
import logging
import sys

from aiosmtpd.smtp import SMTP


async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection with 204."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


class Mailbox:
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return "250 OK"


async def main() -> None:
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd's, ten lines a mail
    loop = asyncio.get_running_loop()
    http = await asyncio.start_server(take, "127.0.0.1", 0)
    mail = await loop.create_server(lambda: SMTP(Mailbox(), hostname="sink"), "127.0.0.1", 0)
    ports = {"http": http.sockets[0].getsockname()[1], "smtp": mail.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    http.close()
    mail.close()


if __name__ == "__main__":
    asyncio.run(main())
