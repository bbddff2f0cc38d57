"""What can go wrong in hypercare beside the refusals of tenancy."""


class BrokenClock(Exception):
    """A clock's events are in an order that no service writes. A defect of ours, never an answer."""


class Unreachable(Exception):
    """Open hours are so few that an amount of them is never worked off. Refused before a clock runs in them."""
