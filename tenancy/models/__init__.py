"""The shared tables. Shared rows carry ids, counts and states, never a tenant's content."""

from tenancy.models.answers import KeptAnswer, OperatorIdempotencyRecord
from tenancy.models.journal import (
    ChainedEvent,
    ChainedPersonal,
    ChainHead,
    OperatorEvent,
    OperatorHead,
    OperatorPersonal,
)
from tenancy.models.outbox import Deadline, Delivery, Endpoint
from tenancy.models.people import ApiToken, Membership, Preference, Session, SupportGrant, User
from tenancy.models.security import SecurityCount
from tenancy.models.tenants import Domain, Flag, SchemaTemplate, Segment, SpareSchema, Tenant, TenantFlag

__all__ = [
    "ApiToken",
    "ChainHead",
    "ChainedEvent",
    "ChainedPersonal",
    "Deadline",
    "Delivery",
    "Domain",
    "Endpoint",
    "Flag",
    "KeptAnswer",
    "Membership",
    "OperatorEvent",
    "OperatorHead",
    "OperatorIdempotencyRecord",
    "OperatorPersonal",
    "Preference",
    "SchemaTemplate",
    "SecurityCount",
    "Segment",
    "Session",
    "SpareSchema",
    "SupportGrant",
    "Tenant",
    "TenantFlag",
    "User",
]
