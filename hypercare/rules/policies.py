"""What a policy may say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hypercare.states import ClockKind, Severity

LONGEST_MINUTES = 365 * 24 * 60  # not tunable: of the format
"""A year, as round-the-clock minutes."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a policy says for one severity, in minutes of its calendar; without one, round the clock."""

    response_minutes: int
    resolution_minutes: int
    calendar_id: UUID | None = None

    def minutes(self, clock: str) -> int:
        """The target of `clock`."""
        found: int = getattr(self, f"{clock}_minutes")
        return found


def target_faults(targets: Mapping[str, Target], given: Collection[str]) -> dict[str, list[str | Promise]]:
    """What is wrong with `targets`, which has all four severities, by the path of the field at fault.

    Minutes are from 1 to a year's. None may be slacker than a less severe one; of two that contradict each other the
    one that was `given` is at fault, of two that were given the more severe.
    """
    faults: dict[str, list[str | Promise]] = {}
    for severity, target in targets.items():
        for clock in ClockKind:
            if not 1 <= target.minutes(clock) <= LONGEST_MINUTES:
                why = _("From 1 to %(most)d minutes.") % {"most": LONGEST_MINUTES}
                faults.setdefault(f"targets.{severity}.{clock}_minutes", []).append(why)
    levels = Severity.values
    for severe, less in pairwise(levels):
        for clock in ClockKind:
            if targets[severe].minutes(clock) > targets[less].minutes(clock):
                at_fault = severe if severe in given else less
                why = _("%(severe)s may not be slacker than %(less)s.") % {"severe": severe, "less": less}
                faults.setdefault(f"targets.{at_fault}.{clock}_minutes", []).append(why)
    return faults
