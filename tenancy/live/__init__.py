"""The live stream: who may listen (tickets), what is told (changes), when (publishing), and to whom (hub).

A stream tells that something changed, never what was written: who hears of it asks the API. Nothing depends on a
stream, and a stream depends on the journal alone.
"""

from tenancy.live.changes import EVERYBODY, NOBODY, Line, Told, event, stamp, tell
from tenancy.live.hub import Full, Hub, Stream
from tenancy.live.publishing import CHANNEL, Publisher, announce, fill
from tenancy.live.reading import Reader
from tenancy.live.tickets import Refused, Ticket, check, seal

__all__ = [
    "CHANNEL",
    "EVERYBODY",
    "NOBODY",
    "Full",
    "Hub",
    "Line",
    "Publisher",
    "Reader",
    "Refused",
    "Stream",
    "Ticket",
    "Told",
    "announce",
    "check",
    "event",
    "fill",
    "seal",
    "stamp",
    "tell",
]
