"""What the system says about itself, in public: counts and times, no tenant's content."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Pulse(models.Model):
    """When something that must go on happened last.

    `beat`: the scheduler ticked; `consumed`: a worker finished a task from the queue; `sweep`, `dispatch`: such
    a run succeeded; `watchdog`: it looked; `heartbeat`: the outside took one.
    """

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("pulse")
        verbose_name_plural = _("pulses")

    def __str__(self) -> str:
        return self.name
