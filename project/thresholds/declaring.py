"""How a number is declared: its default, its unit, and what it decides."""

from dataclasses import field
from typing import TypeVar

T = TypeVar("T")

OWN = "own"
"""The unit of a limit that is measured in its alarm's own unit."""


def threshold(default: T, unit: str, meaning: str) -> T:
    """Declare one number with its unit and what it decides; the catalogues are asked for `meaning` when shown."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning})
