"""The parts of the side menu, and what every page's verbs share."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

CUSTOMERS = _("Customers")
PEOPLE = _("People")
RELEASE = _("Release")
MACHINERY = _("Machinery")
INTEGRATIONS = _("Integrations")
RECORDS = _("Records")

Cleaned = Mapping[str, Any]
"""What a verb's form has read."""
