"""`granian tests.chaos.asgi:application`: the product's web process with failpoints and a clock of its own."""

from project.asgi import application  # first: it sets django up
from tests.chaos import armed

armed.travel()
armed.arm()

__all__ = ["application"]
