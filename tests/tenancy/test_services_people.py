"""People, members, grants, tokens and flags."""

from datetime import timedelta

import pytest
from django.conf import settings

from tenancy import flags, services
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.chains import verify
from tenancy.context import PUBLIC, entering
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event, EventPersonal
from tenancy.models import (
    ApiToken,
    Membership,
    OperatorEvent,
    OperatorPersonal,
    Segment,
    Session,
    SupportGrant,
    TenantFlag,
)
from tenancy.rules import secret_digest
from tenancy.states import Role, StaffRole
from tests import factories

pytestmark = pytest.mark.django_db

PERSON = {
    "email": "ada@example.com",
    "name": "Ada",
    "password": "a long enough one",
    "language": "en",
    "time_zone": "UTC",
}


def staff(role="platform"):
    return Actor.staff(factories.UserFactory(staff_role=role).pk, StaffRole(role))


def admin_of(tenant):
    return Actor.member(factories.member(tenant, "admin").pk, Role.ADMIN)


def last_event(tenant):
    with entering(tenant):
        return Event.objects.last()


# ---- people -----------------------------------------------------------------------------------------------------


def test_a_new_user_can_sign_in_and_is_named_beside_the_journal_only(db, now):
    user = services.create_user(**PERSON, by=staff(), now=now)
    assert user.check_password(PERSON["password"])
    event = OperatorEvent.objects.get(subject=f"user:{user.pk}")
    assert "ada" not in str(event.data).lower()
    assert OperatorPersonal.objects.get(pk=event.pk).data == {"email": "ada@example.com", "name": "Ada"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"), ("email", "a\0@example.com"), ("name", ""), ("password", "short"),
        ("password", "password1234"), ("language", "de"), ("time_zone", "Mars/Base"), ("staff_role", "god"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_user_is_named(db, now, field, value):
    with pytest.raises(Invalid) as refused:
        services.create_user(**(PERSON | {field: value}), by=staff(), now=now)
    assert list(refused.value.fields) == [field]


def test_an_email_is_one_persons_whatever_its_case(db, now):
    services.create_user(**PERSON, by=staff(), now=now)
    with pytest.raises(Conflict):
        services.create_user(**(PERSON | {"email": "ADA@Example.com"}), by=staff(), now=now)


def test_users_are_changed_by_the_platform_alone(acme, now):
    user = factories.member(acme, "agent")
    for by in (staff("support"), staff("release"), admin_of(acme)):
        for verb in (
            lambda by=by: services.create_user(**PERSON, by=by, now=now),
            lambda by=by: services.set_password(user=user, password="another long one", by=by, now=now),
            lambda by=by: services.deactivate_user(user=user, reason="r", by=by, now=now),
            lambda by=by: services.anonymise_user(user=user, by=by, now=now),
        ):
            with pytest.raises(NotAllowed):
                verb()


def test_ones_own_password(acme, now):
    user = factories.member(acme, "customer")
    Session.objects.create(
        session_key="s" * 32, session_data="", expire_date=now + timedelta(1), tenant=acme, user=user
    )
    me = Actor.member(user.pk, Role.CUSTOMER)
    services.set_password(user=user, password="another long one", by=me, now=now)
    user.refresh_from_db()
    assert user.check_password("another long one")
    assert not Session.objects.filter(user=user).exists()
    with pytest.raises(Invalid):
        services.set_password(user=user, password="short", by=me, now=now)


def test_a_password_set_by_us_is_in_the_tenants_journal(acme, now):
    user = factories.member(acme, "customer")
    services.set_password(user=user, password="another long one", by=staff(), now=now)
    assert (last_event(acme).verb, last_event(acme).subject) == ("user.password_set", f"user:{user.pk}")


def test_deactivating_closes_every_door(acme, now):
    user = factories.member(acme, "agent")
    factories.token(user, acme)
    Session.objects.create(
        session_key="s" * 32, session_data="", expire_date=now + timedelta(1), tenant=acme, user=user
    )
    services.deactivate_user(user=user, reason="left", by=staff(), now=now)
    user.refresh_from_db()
    assert not user.is_active
    assert ApiToken.objects.get(user=user).revoked_at == now
    assert not Session.objects.filter(user=user).exists()
    with pytest.raises(Conflict):
        services.deactivate_user(user=user, reason="left", by=staff(), now=now)


def test_anonymising_erases_the_person_everywhere_and_leaves_the_chains_whole(acme, system, now):
    user = services.create_user(**PERSON, by=system, now=now)
    services.add_member(tenant=acme, user=user, role="agent", by=system, now=now)
    services.remove_member(tenant=acme, user=user, by=system, now=now)
    services.anonymise_user(user=user, by=staff(), now=now)
    user.refresh_from_db()
    assert "ada" not in (user.email + user.name).lower()
    assert not user.has_usable_password()
    with entering(acme):
        lines = Event.objects.filter(subject=f"user:{user.pk}")
        assert lines.count() == 2
        assert not EventPersonal.objects.filter(event_id__in=lines.values("pk")).exists()
    created = OperatorEvent.objects.get(verb="user.created", subject=f"user:{user.pk}")
    assert not OperatorPersonal.objects.filter(pk=created.pk).exists()
    assert verify("t_acme") >= 2
    assert verify(PUBLIC)
    with pytest.raises(Conflict):
        services.anonymise_user(user=user, by=staff(), now=now)


# ---- members ----------------------------------------------------------------------------------------------------


def test_a_member_comes_changes_and_goes(in_acme, now):
    by, user = admin_of(in_acme), factories.UserFactory()
    services.add_member(tenant=in_acme, user=user, role="customer", by=by, now=now)
    services.change_role(tenant=in_acme, user=user, role="agent", by=by, now=now)
    assert resolve(user, in_acme, now=now) == Actor.member(user.pk, Role.AGENT)
    factories.token(user, in_acme)
    services.remove_member(tenant=in_acme, user=user, by=by, now=now)
    assert resolve(user, in_acme, now=now) == Denied("no_membership")
    assert ApiToken.objects.get(user=user).revoked_at == now
    lines = Event.objects.filter(subject=f"user:{user.pk}")
    assert list(lines.values_list("verb", "data")) == [
        ("member.added", {"role": "customer"}),
        ("member.role_changed", {"role": "agent", "was": "customer"}),
        ("member.removed", {}),
    ]


def test_refusals_about_members(in_acme, globex, now):
    by, member = admin_of(in_acme), factories.member(in_acme, "agent")
    stranger = factories.UserFactory()
    with pytest.raises(Conflict):
        services.add_member(tenant=in_acme, user=member, role="agent", by=by, now=now)
    with pytest.raises(Invalid):
        services.add_member(tenant=in_acme, user=stranger, role="owner", by=by, now=now)
    with pytest.raises(Invalid):
        services.add_member(
            tenant=in_acme, user=factories.UserFactory(staff_role="support"), role="agent", by=by, now=now
        )
    with pytest.raises(Invalid):
        services.add_member(
            tenant=in_acme, user=factories.UserFactory(is_active=False), role="agent", by=by, now=now
        )
    with pytest.raises(NotFound):
        services.change_role(tenant=in_acme, user=stranger, role="agent", by=by, now=now)
    with pytest.raises(Conflict):
        services.change_role(tenant=in_acme, user=member, role="agent", by=by, now=now)
    with pytest.raises(NotFound):
        services.remove_member(tenant=in_acme, user=stranger, by=by, now=now)
    with pytest.raises(NotFound):
        services.add_member(tenant=globex, user=stranger, role="agent", by=by, now=now)
    assert Membership.objects.filter(user=stranger).count() == 0


@pytest.mark.parametrize("role", ["customer", "agent", "manager"])
def test_only_admins_change_members_and_tokens(in_acme, now, role):
    by, user = Actor.member(factories.member(in_acme, role).pk, Role(role)), factories.UserFactory()
    with pytest.raises(NotAllowed):
        services.add_member(tenant=in_acme, user=user, role="admin", by=by, now=now)
    with pytest.raises(NotAllowed):
        services.issue_token(user=user, tenant=in_acme, name="t", days=1, by=by, now=now)


# ---- grants -----------------------------------------------------------------------------------------------------


def grant(tenant, user, by, now, **changes):
    given = {"reason": "cannot sign in", "ticket": "OPS-7", "minutes": 30, "writes": False} | changes
    return services.open_grant(user=user, tenant=tenant, by=by, now=now, **given)


def test_a_grant_opens_a_tenant_and_stands_in_both_journals(acme, now):
    user = factories.UserFactory(staff_role="support")
    by = Actor.staff(user.pk, StaffRole.SUPPORT)
    made = grant(acme, user, by, now)
    assert resolve(user, acme, now=now) == Actor.support(user.pk, grant_id=made.pk, writes=False)
    assert isinstance(resolve(user, acme, now=now + timedelta(minutes=30)), Denied)
    theirs, ours = last_event(acme), OperatorEvent.objects.get(subject=f"supportgrant:{made.pk}")
    assert theirs.verb == ours.verb == "grant.opened"
    assert theirs.data["ticket"] == ours.data["ticket"] == "OPS-7"
    assert ours.data["tenant"] == acme.pk
    services.end_grant(grant=made, by=by, now=now + timedelta(minutes=5))
    assert resolve(user, acme, now=now + timedelta(minutes=5)) == Denied("grant_expired")
    assert last_event(acme).verb == "grant.ended"
    with pytest.raises(Conflict):
        services.end_grant(grant=made, by=by, now=now + timedelta(minutes=6))


@pytest.mark.parametrize(
    ("field", "value"), [("reason", " "), ("ticket", ""), ("minutes", 0), ("minutes", 61), ("minutes", -5)]
)
def test_a_grant_without_reason_or_too_long_is_refused(acme, now, field, value):
    user = factories.UserFactory(staff_role="support")
    with pytest.raises(Invalid) as refused:
        grant(acme, user, staff("support"), now, **{field: value})
    assert list(refused.value.fields) == [field]
    assert not SupportGrant.objects.exists()


def test_who_opens_and_who_gets_a_grant(acme, public, system, now):
    user = factories.UserFactory(staff_role="support")
    for by in (staff("release"), admin_of(acme)):
        with pytest.raises(NotAllowed):
            grant(acme, user, by, now)
    with pytest.raises(NotAllowed):
        grant(acme, factories.UserFactory(), staff("support"), now)
    with pytest.raises(Invalid):
        grant(public, user, staff("support"), now)
    services.suspend_tenant(tenant=acme, reason="r", by=system, now=now)
    with pytest.raises(Conflict):
        grant(acme, user, staff("support"), now)


# ---- tokens -----------------------------------------------------------------------------------------------------


def test_a_token_is_kept_as_a_digest_and_named_beside_the_journal_only(in_acme, now):
    by, user = admin_of(in_acme), factories.member(in_acme, "agent")
    token, secret = services.issue_token(
        user=user, tenant=in_acme, name="Ada's laptop", days=365, by=by, now=now
    )
    token.refresh_from_db()
    assert secret.startswith(f"hc_{token.prefix}_")
    assert token.digest == secret_digest(secret)
    assert secret not in str(vars(token))
    event = Event.objects.last()
    assert event.verb == "token.issued"
    assert "Ada" not in str(event.data)
    services.revoke_token(token=token, by=by, now=now)
    assert Event.objects.last().verb == "token.revoked"
    with pytest.raises(Conflict):
        services.revoke_token(token=token, by=by, now=now)


@pytest.mark.parametrize("days", [0, -1, settings.THRESHOLDS.access.TOKEN_MAX_DAYS + 1])
def test_a_token_ends(in_acme, now, days):
    by, user = admin_of(in_acme), factories.member(in_acme, "agent")
    with pytest.raises(Invalid):
        services.issue_token(user=user, tenant=in_acme, name="t", days=days, by=by, now=now)


def test_whose_tokens_who_may_make(acme, globex, public, now):
    member, other = factories.member(acme, "agent"), factories.member(globex, "agent")
    ours, by = factories.UserFactory(staff_role="support"), admin_of(acme)
    with entering(acme):
        for user in (other, ours, factories.UserFactory()):
            with pytest.raises(NotFound):
                services.issue_token(user=user, tenant=acme, name="t", days=1, by=by, now=now)
        with pytest.raises(NotFound):
            services.issue_token(user=other, tenant=globex, name="t", days=1, by=by, now=now)
        theirs = ApiToken.objects.get(prefix=factories.token(other, globex).split("_")[1])
        with pytest.raises(NotFound):
            services.revoke_token(token=theirs, by=by, now=now)
    # A token of a member in our hands would be a way around the grant.
    with pytest.raises(NotFound):
        services.issue_token(user=member, tenant=acme, name="t", days=1, by=staff(), now=now)
    for tenant in (acme, public):
        token, _secret = services.issue_token(user=ours, tenant=tenant, name="t", days=1, by=staff(), now=now)
        assert token.tenant == tenant
    assert isinstance(resolve(ours, acme, now=now), Denied)


def test_ones_own_token_is_revoked_by_oneself(in_acme, now):
    user = factories.member(in_acme, "agent")
    factories.token(user, in_acme)
    services.revoke_token(
        token=ApiToken.objects.get(user=user), by=Actor.member(user.pk, Role.AGENT), now=now
    )
    assert ApiToken.objects.get(user=user).revoked_at == now


# ---- flags ------------------------------------------------------------------------------------------------------


def test_a_flag_is_switched_for_a_tenant(acme, globex, now):
    by = staff("release")
    for enabled in (False, True):
        services.set_flag(
            flag_key=flags.PROJECT_SCOPE, tenant=acme, enabled=enabled, reason="r", by=by, now=now
        )
        flags.refresh()
        assert flags.flag_is_enabled(flags.PROJECT_SCOPE, acme) is enabled
        assert flags.flag_is_enabled(flags.PROJECT_SCOPE, globex) is True
    assert OperatorEvent.objects.filter(verb="flag.set").count() == 2
    TenantFlag.objects.all().delete()
    flags.refresh()


def test_a_flag_is_switched_for_a_segment(acme, globex, now):
    segment = Segment.objects.create(key="early", name="Early")
    acme.segment = segment
    acme.save(update_fields=["segment"])
    count = services.set_flag_for_segment(
        flag_key=flags.PROJECT_SCOPE, segment=segment, enabled=False, reason="r", by=staff("release"), now=now
    )
    assert count == 1
    assert list(TenantFlag.objects.values_list("tenant", "enabled")) == [(acme.pk, False)]
    event = OperatorEvent.objects.get(verb="flag.set")
    assert (event.data["segment"], event.data["tenants"]) == ("early", [acme.pk])


def test_refusals_about_flags(acme, now):
    ask = {
        "flag_key": flags.PROJECT_SCOPE,
        "tenant": acme,
        "enabled": True,
        "reason": "r",
        "by": staff("release"),
        "now": now,
    }
    with pytest.raises(NotFound):
        services.set_flag(**(ask | {"flag_key": "no_such_flag"}))
    with pytest.raises(Invalid):
        services.set_flag(**(ask | {"reason": ""}))
    for by in (staff("support"), admin_of(acme)):
        with pytest.raises(NotAllowed):
            services.set_flag(**(ask | {"by": by}))
    assert not TenantFlag.objects.exists()
