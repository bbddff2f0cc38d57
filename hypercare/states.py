"""The closed sets of words that hypercare stores, and the legal moves between them."""

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
    OPEN = "open", _("open")
    IN_PROGRESS = "in_progress", _("in progress")
    RESOLVED = "resolved", _("resolved")


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
    FULFIL = "fulfil", _("fulfil")


INCIDENT_MOVES: dict[str, tuple[str, ...]] = {
    IncidentState.OPEN: (IncidentState.IN_PROGRESS, IncidentState.RESOLVED),
    IncidentState.IN_PROGRESS: (IncidentState.RESOLVED,),
    IncidentState.RESOLVED: (),
}
OPEN_STATES: tuple[str, ...] = (IncidentState.OPEN, IncidentState.IN_PROGRESS)

CLOCK_MOVES: dict[str, tuple[str, ...]] = {
    "": (ClockEventKind.START,),
    ClockEventKind.START: (ClockEventKind.FULFIL,),
    ClockEventKind.FULFIL: (),
}
"""Which clock event may follow which; "" stands before the first."""
