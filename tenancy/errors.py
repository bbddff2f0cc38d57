"""What can go wrong, as plain exceptions. `tenancy.web.problems` alone turns them into answers."""

from collections.abc import Mapping, Sequence


class Refusal(Exception):
    """A verb said no, and nothing was written.

    `code` is the stable last part of the problem's type; `fields` names the inputs at fault.
    """

    code = "refused"

    def __init__(
        self,
        message: object,
        *,
        code: str | None = None,
        fields: Mapping[str, Sequence[object]] | None = None,
    ):
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.fields = dict(fields or {})

    def __str__(self) -> str:
        return str(self.message)


class Invalid(Refusal):
    """The input is wrong: 400."""

    code = "invalid"


class InvalidHeader(Invalid):
    """A header of the request is wrong: 400. `fields` names it."""


class NotAllowed(Refusal):
    """The actor is known and may not do this: 403."""

    code = "not_allowed"


class NotFound(Refusal):
    """There is no such thing for this actor: 404."""

    code = "not_found"


class OutOfScope(NotFound):
    """It is there, in a project that this actor does not see: 404 as for what is not there, and counted."""


class ScopeMismatch(Invalid):
    """The request names a program or project to which its subject does not belong: 400, and counted."""

    code = "scope_mismatch"


class Conflict(Refusal):
    """The subject is in another state than the verb needs: 409. Names the state and the legal moves."""

    code = "conflict"

    def __init__(
        self, message: object, *, state: str = "", legal_moves: Sequence[str] = (), code: str | None = None
    ):
        super().__init__(message, code=code)
        self.state = state
        self.legal_moves = tuple(legal_moves)


class Stale(Refusal):
    """Somebody changed the subject since the caller read it: 412. `version` is the one that it has now.

    `current` is the subject as the caller may see it, where an edge adds it.
    """

    code = "stale"

    def __init__(self, message: object, *, version: int, current: Mapping[str, object] | None = None):
        super().__init__(message)
        self.version = version
        self.current = current


class InProgress(Refusal):
    """The same is being done right now: 409, and asking again in a moment helps."""

    code = "in_progress"


class Contradiction(Refusal):
    """The request contradicts an earlier one: 422."""

    code = "contradiction"


class NoTenant(RuntimeError):
    """Code that needs a tenant ran without one. A defect of ours, never an answer."""


class ForeignRow(RuntimeError):
    """A row or queryset of one schema was used in another. A defect of ours, never an answer."""


class BrokenChain(Exception):
    """A journal does not verify. `seq` is the first bad link."""

    def __init__(self, seq: int, why: str):
        super().__init__(f"broken at seq {seq}: {why}")
        self.seq = seq
        self.why = why
