"""What the views share.

A row that people edit has `version`, and its view is `Versioned` (tenancy.web.etags) before `ProjectView`: it says
`row()` and `shown(row)`, answers with `self.answer(row)` and gives the service `version=self.version_wanted(row)`.

A list is `Exported` (tenancy.web.exports) before `ProjectView` where it is also a CSV and an XLSX file; `orderings`
(API name -> column) are what `?ordering=` takes, `filterset_class` and `query_parameters` what else may stand there.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from hypercare.models import Calendar, ChangeRequest, Incident, Policy, Project, ProjectMember, seen_project
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Invalid, OutOfScope, ScopeMismatch
from tenancy.rows import TenantModel
from tenancy.web.authentication import actor_of
from tenancy.web.idempotency import Idempotent

PROGRAM = "program"


class View(Idempotent, GenericAPIView[Any]):
    """What the views below share: who asks, when, input that is checked before anything else, POSTs done once."""

    actions: dict[str, str]
    query_parameters: ClassVar[Mapping[str, Any]] = {}
    """What may stand in the address beside filters: name -> what OpenAPI says of it."""

    @property
    def is_described(self) -> bool:
        """Whether only the schema is being written: then nobody asks, and there is no address."""
        return getattr(self, "swagger_fake_view", False)

    @cached_property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def given(self, kind: type[BaseSerializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The request's body as `kind` reads it. Raises ValidationError naming every field at fault."""
        form = kind(data=self.body(kind), partial=partial)
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = form.validated_data
        return values

    def body(self, kind: type[BaseSerializer[Any]]) -> Any:
        """What `kind` is given to read."""
        return self.request.data


class ProjectView(View):
    """A view under one project.

    A project that the actor does not see is a 404, and so is what belongs to another one; where the row is there and
    the actor does not see its project, that is counted (`cross_scope_access_attempt`). `?program=` and, in a body,
    `program_id` and `project_id` may say where the caller believes to be: a program that is not the project's, or
    another project, is a 400 and counted (`scope_mismatch_error`).
    """

    query_parameters = {
        PROGRAM: {
            "description": "The program that you believe the project to be of: another one is a 400.",
            "schema": {"type": "string", "format": "uuid"},
        }
    }
    held: ClassVar[Mapping[str, type[TenantModel]]] = {
        "incident": Incident,
        "change": ChangeRequest,
        "policy": Policy,
        "calendar": Calendar,
        "member": ProjectMember,
    }

    @cached_property
    def project(self) -> Project:
        seen = seen_project(self.kwargs["project"], self.actor, current_tenant())
        if seen is None:
            raise Http404
        return seen

    @property
    def export_owner(self) -> str:
        """Whose list a file holds: the first part of its name."""
        return self.project.code

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.enter(request)

    def enter(self, request: Request) -> None:
        """Before anything else, so also before a stored answer is given again. Raises Http404, ScopeMismatch."""
        row = self.project
        if PROGRAM in request.query_params:
            self._check(PROGRAM, request.query_params[PROGRAM], row.program_id)

    def body(self, kind: type[BaseSerializer[Any]]) -> Any:
        """The body without what only says where the caller believes to be. Raises Invalid, ScopeMismatch."""
        given = super().body(kind)
        if not isinstance(given, Mapping):
            return given
        whole = {"program_id": self.project.program_id, "project_id": self.project.pk}
        known = getattr(kind(), "fields", {})
        said = {name: wanted for name, wanted in whole.items() if name in given and name not in known}
        for name, wanted in said.items():
            self._check(name, given[name], wanted)
        return {name: value for name, value in given.items() if name not in said}

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Http404) and self._is_elsewhere():
            exc = OutOfScope(_("There is nothing here."))
        return super().handle_exception(exc)

    def _is_elsewhere(self) -> bool:
        """Whether what the address names is there, in a project that the actor does not see."""
        seen = Project.objects.visible_to(self.actor, current_tenant())
        hidden = Project.objects.exclude(pk__in=seen.values("pk"))
        if hidden.filter(pk=self.kwargs["project"]).exists():
            return True
        return any(
            model._default_manager.filter(Q(pk=self.kwargs[name]), Q(("project__in", hidden))).exists()
            for name, model in self.held.items()
            if name in self.kwargs
        )

    def _check(self, name: str, said: object, wanted: UUID) -> None:
        try:
            named = UUID(str(said))
        except ValueError:
            text = _("This is no UUID.")
            raise Invalid(text, fields={name: [text]}) from None
        if named != wanted:
            text = _("The program and the project of this request do not belong together.")
            raise ScopeMismatch(text, fields={name: [text]})
