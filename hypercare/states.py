"""The closed sets of words that hypercare stores, and the legal moves between them."""

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

SHAPES = {"P1": "◆", "P2": "▲", "P3": "■", "P4": "●"}


class Severity(models.TextChoices):
    """How bad it is: the one scale of the product. Stored in upper case, accepted in either."""

    P1 = "P1", _("P1 system down")
    P2 = "P2", _("P2 critical")
    P3 = "P3", _("P3 important")
    P4 = "P4", _("P4 low")

    @property
    def shape(self) -> str:
        """The shape that says the severity without colour: ◆ ▲ ■ ●."""
        return SHAPES[self.value]


URGENT = (Severity.P1, Severity.P2)
"""The severities that no quiet hours hold back."""


class IncidentState(models.TextChoices):
    """Waiting is waiting for the customer."""

    OPEN = "open", _("open")
    IN_PROGRESS = "in_progress", _("in progress")
    WAITING = "waiting", _("waiting")
    RESOLVED = "resolved", _("resolved")
    CLOSED = "closed", _("closed")


class IncidentType(models.TextChoices):
    SYSTEM_DOWN = "system_down", _("system down")
    DATA_ISSUE = "data_issue", _("data issue")
    PERFORMANCE = "performance", _("performance")
    AUTHORIZATION = "authorization", _("authorization")
    INTERFACE = "interface", _("interface")
    OTHER = "other", _("other")


class RootCauseCategory(models.TextChoices):
    CONFIG = "config", _("configuration")
    DATA = "data", _("data")
    TRAINING = "training", _("training")
    PROCESS = "process", _("process")
    DEVELOPMENT = "development", _("development")
    EXTERNAL = "external", _("external")


class SupportLevel(models.TextChoices):
    L1 = "L1", "L1"
    L2 = "L2", "L2"
    L3 = "L3", "L3"


class Source(models.TextChoices):
    """Where an incident came from."""

    PERSON = "person", _("person")
    EMAIL = "email", _("email")
    ALERT = "alert", _("alert")
    PILOT = "pilot", _("pilot")
    LEDGER = "ledger", _("ledger")


class ClockKind(models.TextChoices):
    """The two SLA timers of every incident."""

    RESPONSE = "response", _("first response")
    RESOLUTION = "resolution", _("resolution")


class ClockEventKind(models.TextChoices):
    START = "start", _("start")
    PAUSE = "pause", _("pause")
    RESUME = "resume", _("resume")
    FULFIL = "fulfil", _("fulfil")
    RETARGET = "retarget", _("new target")
    REOPEN = "reopen", _("reopen")


class ClockPhase(StrEnum):
    """What a clock does after an event."""

    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    FULFILLED = "fulfilled"


class Light(StrEnum):
    """How a project's hypercare is, in one word."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class WorkItemKind(models.TextChoices):
    """WRICEF: what was built for a customer, by the letter that SAP programmes call it."""

    WORKFLOW = "W", _("workflow")
    REPORT = "R", _("report")
    INTERFACE = "I", _("interface")
    CONVERSION = "C", _("conversion")
    ENHANCEMENT = "E", _("enhancement")
    FORM = "F", _("form")


class ChangeState(models.TextChoices):
    DRAFT = "draft", _("draft")
    PENDING_APPROVAL = "pending_approval", _("pending approval")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")
    IN_PROGRESS = "in_progress", _("in progress")
    IMPLEMENTED = "implemented", _("implemented")
    CLOSED = "closed", _("closed")


class ChangeType(models.TextChoices):
    CONFIG = "config", _("configuration")
    DEVELOPMENT = "development", _("development")
    DATA = "data", _("data")
    AUTHORIZATION = "authorization", _("authorization")
    EMERGENCY = "emergency", _("emergency")


class Vote(models.TextChoices):
    """What a board member says about a change request."""

    APPROVE = "approve", _("approve")
    REJECT = "reject", _("reject")


INCIDENT_MOVES: dict[str, tuple[str, ...]] = {
    IncidentState.OPEN: (IncidentState.IN_PROGRESS, IncidentState.WAITING, IncidentState.RESOLVED),
    IncidentState.IN_PROGRESS: (IncidentState.WAITING, IncidentState.RESOLVED),
    IncidentState.WAITING: (IncidentState.OPEN, IncidentState.IN_PROGRESS, IncidentState.RESOLVED),
    IncidentState.RESOLVED: (IncidentState.IN_PROGRESS, IncidentState.CLOSED),
    IncidentState.CLOSED: (IncidentState.IN_PROGRESS,),
}
OPEN_STATES: tuple[str, ...] = (IncidentState.OPEN, IncidentState.IN_PROGRESS, IncidentState.WAITING)
DONE_STATES: tuple[str, ...] = (IncidentState.RESOLVED, IncidentState.CLOSED)

CHANGE_MOVES: dict[str, tuple[str, ...]] = {
    ChangeState.DRAFT: (ChangeState.PENDING_APPROVAL,),
    ChangeState.PENDING_APPROVAL: (ChangeState.APPROVED, ChangeState.REJECTED),
    # Back to the board: an edit voids the approvals given.
    ChangeState.APPROVED: (ChangeState.IN_PROGRESS, ChangeState.PENDING_APPROVAL),
    ChangeState.REJECTED: (ChangeState.DRAFT,),
    ChangeState.IN_PROGRESS: (ChangeState.IMPLEMENTED,),
    ChangeState.IMPLEMENTED: (ChangeState.CLOSED,),
    ChangeState.CLOSED: (),
}
UNVOTED_STATES: tuple[str, ...] = (ChangeState.DRAFT, ChangeState.PENDING_APPROVAL, ChangeState.REJECTED)
"""The states of a change request that the board has not approved."""

CLOCK_MOVES: dict[ClockPhase, dict[str, ClockPhase]] = {
    ClockPhase.NEW: {ClockEventKind.START: ClockPhase.RUNNING},
    ClockPhase.RUNNING: {
        ClockEventKind.PAUSE: ClockPhase.PAUSED,
        ClockEventKind.RETARGET: ClockPhase.RUNNING,
        ClockEventKind.FULFIL: ClockPhase.FULFILLED,
    },
    ClockPhase.PAUSED: {
        ClockEventKind.RESUME: ClockPhase.RUNNING,
        ClockEventKind.RETARGET: ClockPhase.PAUSED,
        ClockEventKind.FULFIL: ClockPhase.FULFILLED,
    },
    ClockPhase.FULFILLED: {ClockEventKind.REOPEN: ClockPhase.RUNNING},
}
"""Which clock event may come in which phase, and the phase after it."""
