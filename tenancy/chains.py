"""Journals as a whole: walked, proven, pruned, exported.

What a chain cannot say about itself is said elsewhere: a cut front by the newest `journal.pruned` line, which names
the base that the chain begins after; a cut tail by the heads that were exported.
"""

import base64
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import JSONField, Min, OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.context import PUBLIC, entering_schema
from tenancy.errors import BrokenChain, Conflict, Invalid
from tenancy.models import ChainHead, OperatorEvent, OperatorHead, Tenant
from tenancy.permissions import require
from tenancy.rules import Line, Mark, canonical, follow
from tenancy.states import TenantState
from tenancy.transactions import Chain, atomic, chain_of, emit

logger = logging.getLogger(__name__)

_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal by name: a tenant's slug, or `operators`, which belongs to no tenant."""

    name: str
    schema: str
    tenant_id: int | None = None


def journals(*, tenant: str = "", operators: bool = False) -> list[Journal]:
    """Every journal there is, the operators' first; the operators' alone, or that of the tenant with this slug.

    Empty when there is no such tenant.
    """
    living = Tenant.objects.exclude(state=TenantState.PURGED).exclude(schema_name=PUBLIC).order_by("slug")
    ours = [] if tenant else [Journal("operators", PUBLIC)]
    if operators:
        return ours
    rows = living.filter(slug=tenant) if tenant else living
    return ours + [Journal(*row) for row in rows.values_list("slug", "schema_name", "pk")]


# ---- verifying ------------------------------------------------------------------------------------------------


def verify(schema: str) -> int:
    """Walk the journal of `schema` and return how many links hold.

    Raises BrokenChain at the first that does not: what `rules.follow` finds, lines before the first one that no
    `journal.pruned` line accounts for, or a head that is not the last line.
    """
    chain = chain_of(schema)
    with entering_schema(schema), _one_moment(), closing(_lines(chain)) as lines:
        head = _head(chain)
        base, vouched, count = Mark(head.base_seq, head.base_hash), Mark(), 0
        last = base
        for line in follow(lines, keys=settings.JOURNAL_KEYS, after=base):
            last, count = line.mark, count + 1
            if line.body["verb"] == "journal.pruned":
                vouched = Mark(line.body["data"]["through"], line.body["data"]["hash"])
        if base != vouched:
            why = f"the chain begins after {base.seq}, journal.pruned lines account for all through {vouched.seq}"
            raise BrokenChain(min(base.seq, vouched.seq) + 1, why)
        if (head.seq, head.hash) != (last.seq, last.hash):
            raise BrokenChain(last.seq + 1, f"the head says that {head.seq} is the last; {last.seq} is")
    return count


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction in which every statement sees the same moment, while writers go on."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:  # inside another one it is too late, and what that sees is what is meant
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _head(chain: Chain) -> ChainHead:
    """Raises BrokenChain when it is gone."""
    head = chain.head._default_manager.filter(pk=1).first()
    if head is None:
        raise BrokenChain(1, "the head is gone")
    return head


def _lines(chain: Chain, **only: Any) -> Generator[Line, None, None]:
    beside = chain.personal._default_manager.filter(event_id=OuterRef("pk"))
    part = Subquery(beside.values(part=JSONObject(salt="salt", data="data")), output_field=JSONField())
    rows = chain.events._default_manager.filter(**only).annotate(part=part).order_by("seq")
    for event in rows.iterator(chunk_size=settings.THRESHOLDS.retention.READ_ROWS):
        yield Line(event.body(), event.hash, event.part)


# ---- pruning --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of lines that were or are to be pruned: those after `after` up to and with `through`."""

    path: Path
    journal: str
    after: Mark
    through: Mark
    sha256: str

    @property
    def count(self) -> int:
        return self.through.seq - self.after.seq


def prune(journal: Journal, *, before: datetime, folder: Path, by: Actor, now: datetime) -> Archive | None:
    """Move the oldest lines into a file in `folder`: all before the first that happened at `before` or later.

    The file, with the personal parts that are still there, is on the disk before anything is deleted. Returns
    None when nothing is that old. What fails after the file is written leaves the file and the journal whole.
    Raises NotAllowed, Invalid for a time to come, BrokenChain when the journal does not verify, OSError when the
    file cannot be written, Conflict when somebody else pruned meanwhile.
    """
    require(by, "journal.prune")
    if before > now:
        why = _("Only lines of the past can be pruned.")
        raise Invalid(_("This time is still to come."), fields={"before": [why]})
    chain = chain_of(journal.schema)
    with entering_schema(journal.schema):
        with _one_moment():
            verify(journal.schema)
            head = _head(chain)
            young = chain.events._default_manager.filter(at__gte=before).aggregate(seq=Min("seq"))["seq"]
            through = head.seq if young is None else young - 1
            if through <= head.base_seq:
                return None
            path = _write_archive(journal, chain, head, through=through, folder=folder)
        archive = read_archive(path)
        with atomic():
            _delete(chain, archive)
            data = {
                "through": archive.through.seq,
                "hash": archive.through.hash,
                "count": archive.count,
                "sha256": archive.sha256,
                "archive": archive.path.name,
            }
            emit("journal.pruned", chain.head(), by=by, now=now, data=data)
    return archive


def read_archive(path: Path) -> Archive:
    """Walk an archive as `verify` walks a journal and return what it is.

    Raises BrokenChain at the first link that does not hold or cannot be read, OSError when there is no file.
    """
    last = Mark()
    with path.open("rb") as file:
        try:
            title = json.loads(file.readline())
            after, through = Mark(**title["after"]), Mark(**title["through"])
            last = Mark(int(after.seq), after.hash)
            lines = (Line(**json.loads(row)) for row in file)
            for line in follow(lines, keys=settings.JOURNAL_KEYS, after=after):
                last = line.mark
            name = str(title["journal"])
        except (ValueError, LookupError, TypeError) as error:
            raise BrokenChain(last.seq + 1, f"this is no line of a journal's archive: {error}") from error
    if last != through:
        raise BrokenChain(last.seq + 1, f"the archive is to end with {through.seq}; {last.seq} is its last")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Archive(path, name, after, through, digest.hexdigest())


def naming(archive: Archive, schema: str) -> Mapping[str, Any] | None:
    """What the `journal.pruned` line in `schema` that names this archive's last line says; None if none does.

    Its `sha256` differs from the archive's when personal parts were taken out of the file since.
    """
    events = chain_of(schema).events._default_manager
    with entering_schema(schema):
        through = {"through": archive.through.seq, "hash": archive.through.hash}
        line = events.filter(verb="journal.pruned", data__contains=through).order_by("seq").last()
        return line.data if line else None


def _write_archive(journal: Journal, chain: Chain, head: ChainHead, *, through: int, folder: Path) -> Path:
    """The file is named by the last line's hash too, so that no other journal's archive is overwritten."""
    after = Mark(head.base_seq, head.base_hash)
    end = Mark(through, chain.events._default_manager.get(seq=through).hash)
    path = folder / f"{journal.name}-{after.seq + 1}-{end.seq}-{end.hash[:12]}.jsonl"
    with _placed(path) as file, closing(_lines(chain, seq__lte=end.seq)) as lines:
        title = {"journal": journal.name, "after": asdict(after), "through": asdict(end)}
        file.write(canonical(title) + b"\n")
        for line in lines:
            row = {"body": line.body, "hash": line.hash, "personal": line.personal}
            file.write(canonical(row) + b"\n")
    return path


def _delete(chain: Chain, archive: Archive) -> None:
    """Take the archived lines away and move the base behind them: last, for the head is a lock."""
    lines = chain.events._default_manager.filter(seq__lte=archive.through.seq)
    chain.personal._default_manager.filter(event_id__in=lines.values("pk")).delete()
    with connection.cursor() as cursor:
        allow = "SELECT set_config('hypercare.prune_through', %s, true)"
        cursor.execute(allow, [str(archive.through.seq)])
        lines.delete()
        cursor.execute(allow, [""])
    heads = chain.head._default_manager.filter(base_seq=archive.after.seq, base_hash=archive.after.hash)
    if not heads.update(base_seq=archive.through.seq, base_hash=archive.through.hash):
        raise Conflict(_("Somebody else pruned this journal meanwhile."), code="pruned_meanwhile")


@contextmanager
def _placed(path: Path) -> Iterator[IO[bytes]]:
    """A new file, readable by us alone, that gets its name once it is whole and on the disk."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


# ---- exporting heads ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exported:
    """A signed list of heads, how many it holds, and the journals that it does not: they are broken."""

    token: str
    count: int
    faults: dict[str, str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one exported head, and whether that is a fault."""

    journal: str
    seq: int
    says: str
    fault: bool = False


def export_heads(*, folder: Path | None, by: Actor, now: datetime) -> Exported:
    """Sign where every journal ends, log it, write it to `folder` if there is one, and say so in our journal.

    The heads are a JWS (compact, EdDSA with settings.JOURNAL_EXPORT_KEY). A journal without a sound head is left
    out and named. Raises OSError when the file cannot be written.
    """
    heads, faults = [], {}
    for journal in journals():
        try:
            heads.append(_exported(journal))
        except (BrokenChain, DatabaseError) as error:
            faults[journal.name] = str(error)
    key = _export_key()
    claims = {"at": now.astimezone(UTC).isoformat(), "heads": heads}
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": _key_id(key.public_key())})
    if folder is not None:
        with _placed(folder / f"heads-{now.astimezone(UTC):{_MOMENT}}.jws") as file:
            file.write(token.encode() + b"\n")
    logger.info("journal heads: %s", token)
    with entering_schema(PUBLIC), atomic():
        data = {"sha256": hashlib.sha256(token.encode()).hexdigest(), "count": len(heads)}
        emit("journal.heads_exported", OperatorHead(), by=by, now=now, data=data)
    return Exported(token, len(heads), faults)


def compare_heads(token: str, *, signer: str = "") -> Iterator[Compared]:
    """Look for each exported head in its chain. Finds a cut or rewritten tail, the rest is for `verify`.

    `signer` is what `public_key` gave when the heads were signed, that of our key by default.
    Raises jwt.InvalidTokenError when they are not signed with that key, ValueError when it is none.
    """
    key = _export_key().public_key()
    if signer:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signer))
    for exported in jwt.decode(token.strip(), key, algorithms=["EdDSA"])["heads"]:
        name, mark = exported["journal"], Mark(exported["seq"], exported["hash"])
        try:
            with _one_moment():
                says, fault = _compared(exported["tenant"], mark)
        except (BrokenChain, DatabaseError) as error:
            says, fault = f"cannot be read: {error}", True
        yield Compared(name, mark.seq, says, fault)


def public_key() -> str:
    """What verifies exported heads: the 32 raw bytes in base64."""
    return base64.b64encode(_export_key().public_key().public_bytes_raw()).decode()


def _export_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.JOURNAL_EXPORT_KEY)


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def _exported(journal: Journal) -> dict[str, Any]:
    """Raises BrokenChain when the line that the head names is not here."""
    chain = chain_of(journal.schema)
    with entering_schema(journal.schema), _one_moment():
        head = _head(chain)
        last = chain.events._default_manager.filter(seq=head.seq).first()
        if (head.seq, head.hash) != ((last.seq, last.hash) if last else (0, "")):
            raise BrokenChain(head.seq, "the line that the head names is not here")
    return {
        "journal": journal.name,
        "tenant": journal.tenant_id,
        "schema": journal.schema,
        "seq": head.seq,
        "hash": head.hash,
        "key_id": last.key_id if last else "",
        "at": last.at.astimezone(UTC).isoformat() if last else None,
    }


def _compared(tenant_id: int | None, mark: Mark) -> tuple[str, bool]:
    """What became of the line `mark`, and whether that is a fault."""
    schema = PUBLIC
    if tenant_id is not None:
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        purged = OperatorEvent.objects.filter(verb="tenant.purged", subject=f"tenant:{tenant_id}").first()
        if purged:
            return f"purged at {purged.at:%Y-%m-%d %H:%M} UTC", False
        if tenant is None or tenant.state == TenantState.PURGED:
            return "the tenant is gone, and no line of the operators' journal says that it was purged", True
        schema = tenant.schema_name
    chain = chain_of(schema)
    with entering_schema(schema):
        head = _head(chain)
        if mark.seq < head.base_seq:
            return f"pruned, with all through {head.base_seq}", False
        found = chain.events._default_manager.filter(seq=mark.seq).values_list("hash", flat=True).first()
        if mark.seq == head.base_seq:
            found = head.base_hash
    if found is None:
        return "it is gone: the tail was cut", True
    if found != mark.hash:
        return "another line is in its place: the tail was written anew", True
    return "is in its chain", False
