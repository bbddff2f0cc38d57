"""Views of lists that people keep."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.actors import Actor
from tenancy.fields import UserRef
from tenancy.rows import TenantModel, TenantQuerySet

LIST = r"^[a-z_]+\.[a-z_]+$"


class SavedViewQuerySet(TenantQuerySet["SavedView"]):
    def visible_to(self, actor: Actor) -> "SavedViewQuerySet":
        """The actor's own views and those that are shared."""
        return self.filter(Q(owner=actor.user_id) | Q(is_shared=True))


SavedViewManager = models.Manager.from_queryset(SavedViewQuerySet)


class SavedView(TenantModel):
    """A search, filters and an order of one of the console's lists, under a name.

    `list` is app and model, `query` the list's parameters as in its address. It holds no rows: whoever opens it sees
    those of the list that they may see.
    """

    owner = UserRef(verbose_name=_("owner"))
    list = models.CharField(_("list"), max_length=80)
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("search and filters"), max_length=1000, blank=True)
    is_shared = models.BooleanField(_("shared"), default=False)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["SavedViewManager[SavedView]"] = SavedViewManager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "list", "name"], name="savedview_name_once"),
            models.CheckConstraint(name="savedview_list_shape", condition=Q(list__regex=LIST)),
            models.CheckConstraint(name="savedview_has_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name
