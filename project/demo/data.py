"""Who and what is in the demo. Every time is relative to the moment of seeding; addresses are of reserved domains."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from hypercare.rules import Target
from project.demo import cases, talk
from project.demo.cases import Case
from project.demo.talk import Built, Change

PASSWORD = "safe-landing-demo"  # noqa: S105 - everybody's, printed at every start; the demo runs in development only
FOUNDED = timedelta(days=35)
"""How long before the seeding the tenants were made."""
HISTORY_DAYS = 21
NEWS = timedelta(days=2)
"""How old the mails may be that the seeding sends; those about breaches are older too."""


class Person(NamedTuple):
    """Somebody who can sign in."""

    email: str
    name: str
    language: str
    time_zone: str = "Europe/Istanbul"
    staff_role: str = ""


class Member(NamedTuple):
    """What a person is in one tenant. `only` names the one project they are on; empty: all but operations."""

    email: str
    role: str
    level: str = ""
    board: bool = False
    only: str = ""


class Hours(NamedTuple):
    """A calendar by its definition, and the targets, in minutes, of the severities that run on it or off it."""

    name: str
    definition: Mapping[str, Any]
    on: Mapping[str, tuple[int, int]]
    off: Mapping[str, tuple[int, int]]

    def targets(self, calendar_id: UUID) -> dict[str, Target]:
        """Targets as a policy takes them, `calendar_id` being this calendar."""
        return {level: Target(*minutes, calendar_id) for level, minutes in self.on.items()} | {
            level: Target(*minutes) for level, minutes in self.off.items()
        }


class ProjectPlan(NamedTuple):
    """A project; days from the seeding to its go-live and to its end. `modules` leads incidents to it.

    Without `hours` it has the default policy. `quorum` is how many of its board must approve a change request.
    """

    program: str
    program_name: str
    code: str
    name: str
    go_live: int | None = None
    ends: int | None = None
    modules: tuple[str, ...] = ()
    hours: Hours | None = None
    quorum: int = 1

    @property
    def backlog(self) -> tuple[Built, ...]:
        return talk.BACKLOG.get(self.code, ())


class OpenCase(NamedTuple):
    """Minutes before the seeding at which an open incident was reported and answered; the level it is assigned to."""

    reported: int
    answered: int | None = None
    level: str = ""


class Look(NamedTuple):
    """A support grant of half an hour in the past; `minutes` is when it was ended, None: it ran out."""

    days_ago: int
    ticket: str
    why: str
    minutes: int | None = None


class TenantPlan(NamedTuple):
    """One customer. The first project takes every module that no other claims."""

    slug: str
    name: str
    language: str
    time_zone: str
    segment: str
    members: tuple[Member, ...]
    projects: tuple[ProjectPlan, ...]
    resolved: tuple[Case, ...]
    again: int
    """How many of `resolved` happened twice."""
    open: tuple[tuple[Case, OpenCase], ...]
    changes: tuple[Change, ...] = ()
    look: Look | None = None
    closed: str = ""
    """Why it was suspended for forty minutes, before its go-live; empty: it was not."""


class Trespass(NamedTuple):
    """An alert that is over: `rule` in a tenant, raised by requests for another project at these seconds.

    They began `minutes_ago`; `taken` and `note` are the minute, counted from there, and the words in which the first
    on call took it; it is looked at once a minute for `looks` minutes.
    """

    slug: str
    rule: str
    minutes_ago: int
    attempts: tuple[int, ...]
    taken: int
    note: str
    looks: int


class Switch(NamedTuple):
    """A flag, switched for a segment."""

    days_ago: int
    segment: str
    enabled: bool
    why: str


SEGMENTS = {"pilot": "Pilot", "early": "Early adopters", "general": "General"}

ROLL_OUT = (
    Switch(21, "general", False, "Until the roll-out comes by, everybody sees every project as before"),
    Switch(20, "pilot", True, "First with the pilot"),
    Switch(13, "early", True, "A week in the pilot without a complaint"),
    Switch(4, "general", True, "No scope mismatch in two weeks"),
)

STAFF = (
    Person("deniz.aksoy@hypercare.example", "Deniz Aksoy", "tr", staff_role="support"),
    Person("marta.nowak@hypercare.example", "Marta Nowak", "en", "Europe/Warsaw", staff_role="release"),
    Person(
        "jonas.lindqvist@hypercare.example",
        "Jonas Lindqvist",
        "en",
        "Europe/Stockholm",
        staff_role="platform",
    ),
)

DUTIES = (
    ("on_call", STAFF[0]),
    ("on_call", STAFF[2]),
    ("product_owner", STAFF[1]),
    ("team_lead", STAFF[1]),
    ("infrastructure", STAFF[2]),
)
"""Who hears of whose alerts."""
CHATS = ("alerts", "product")
"""The operators' Slack channels, as the routes of alerts name them."""
PAGER = ("On call", "0123456789abcdef0123456789abcdef")
"""The name of the operators' pager and its routing key, which is nobody's."""

PEOPLE = (
    # the customers' own
    Person("ayse.koc@acme.example", "Ayşe Koç", "tr"),
    Person("mehmet.yildiz@acme.example", "Mehmet Yıldız", "tr"),
    Person("elif.sahin@acme.example", "Elif Şahin", "tr"),
    Person("hakan.demir@acme.example", "Hakan Demir", "tr"),
    Person("okan.celik@acme.example", "Okan Çelik", "tr"),
    Person("grace.okafor@globex.example", "Grace Okafor", "en", "Europe/London"),
    Person("tom.hughes@globex.example", "Tom Hughes", "en", "Europe/London"),
    Person("ines.martins@globex.example", "Inês Martins", "en", "Europe/Lisbon"),
    Person("fiona.clarke@globex.example", "Fiona Clarke", "en", "Europe/London"),
    Person("gulsen.ozdemir@pilot.example", "Gülşen Özdemir", "tr"),
    Person("baris.ergin@pilot.example", "Barış Ergin", "tr"),
    # those who land them
    Person("can.ozturk@landing.example", "Can Öztürk", "tr"),
    Person("burcu.kaya@landing.example", "Burcu Kaya", "tr"),
    Person("thomas.weber@landing.example", "Thomas Weber", "en", "Europe/Berlin"),
    Person("priya.raman@landing.example", "Priya Raman", "en", "Europe/London"),
    Person("liam.walsh@landing.example", "Liam Walsh", "en", "Europe/London"),
    Person("selin.aydin@landing.example", "Selin Aydın", "tr"),
    Person("marc.dubois@landing.example", "Marc Dubois", "en", "Europe/Paris"),
    Person("nora.haugen@landing.example", "Nora Haugen", "en", "Europe/Oslo"),
)

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
ISTANBUL = Hours(
    "İstanbul mesai saatleri",
    {
        "time_zone": "Europe/Istanbul",
        "weekly": {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in _WEEKDAYS},
        "country": "TR",
    },
    on={"P3": (480, 1440), "P4": (960, 3840)},
    off={"P1": (30, 240), "P2": (120, 480)},
)
LONDON = Hours(
    "London office hours",
    {
        "time_zone": "Europe/London",
        "weekly": {day: [["08:00", "18:00"]] for day in _WEEKDAYS},
        "country": "GB",
        "subdivision": "ENG",
    },
    on={"P3": (300, 1200), "P4": (600, 3000)},
    off={"P1": (45, 240), "P2": (180, 480)},
)

OPERATIONS = ProjectPlan("OPS", "Operations", "OPS", "Operations")

TENANTS = (
    TenantPlan(
        slug="acme",
        name="Acme Holding",
        language="tr",
        time_zone="Europe/Istanbul",
        segment="early",
        members=(
            Member("ayse.koc@acme.example", "customer", board=True),
            Member("mehmet.yildiz@acme.example", "customer"),
            Member("elif.sahin@acme.example", "customer"),
            Member("hakan.demir@acme.example", "customer", only="EWM-GEBZE"),
            Member("can.ozturk@landing.example", "agent", "L1"),
            Member("burcu.kaya@landing.example", "agent", "L2"),
            Member("priya.raman@landing.example", "agent", "L2"),
            Member("thomas.weber@landing.example", "agent", "L3"),
            Member("selin.aydin@landing.example", "manager", board=True),
            Member("marc.dubois@landing.example", "manager", board=True),
            Member("okan.celik@acme.example", "admin"),
        ),
        projects=(
            ProjectPlan("ATLAS", "Atlas ERP", "ATLAS-W2", "Atlas ERP: S/4HANA dalga 2", -12, 42),
            ProjectPlan("ATLAS", "Atlas ERP", "EWM-GEBZE", "Gebze deposu EWM", -33, 9, ("WM",), ISTANBUL, 2),
            OPERATIONS,
        ),
        resolved=cases.ACME,
        again=13,
        open=tuple(
            zip(
                cases.ACME_OPEN,
                (
                    OpenCase(550, 515, "L2"),  # P2, resolution breached
                    OpenCase(400, 378, "L2"),  # P2, at risk
                    OpenCase(25),  # P3, new, nobody's
                    OpenCase(430),  # P3, first response at risk
                    OpenCase(1250, 1190, "L3"),  # P3, at risk
                    OpenCase(700, 610, "L2"),
                    OpenCase(12),  # P2, new
                    OpenCase(3100, 2800, "L1"),
                    OpenCase(1560),  # P4, first response breached
                    OpenCase(190, 145),  # answered, nobody's
                    OpenCase(300, 180, "L2"),
                    OpenCase(240),
                ),
                strict=True,
            )
        ),
        changes=talk.CHANGES["acme"],
        look=Look(9, "SUP-2041", "A key user sees an empty incident list", 18),
    ),
    TenantPlan(
        slug="globex",
        name="Globex Utilities",
        language="en",
        time_zone="Europe/London",
        segment="general",
        members=(
            Member("grace.okafor@globex.example", "customer", board=True),
            Member("tom.hughes@globex.example", "customer"),
            Member("ines.martins@globex.example", "customer", only="PORTAL"),
            Member("liam.walsh@landing.example", "agent", "L1"),
            Member("priya.raman@landing.example", "agent", "L2"),
            Member("thomas.weber@landing.example", "agent", "L3"),
            Member("nora.haugen@landing.example", "manager", board=True),
            Member("marc.dubois@landing.example", "manager", board=True),
            Member("fiona.clarke@globex.example", "admin"),
        ),
        projects=(
            ProjectPlan("HELIOS", "Helios", "BILLING", "Helios billing platform", -19, 30),
            ProjectPlan(
                "HELIOS", "Helios", "PORTAL", "Helios customer portal", -19, 16, ("PORT",), LONDON, 2
            ),
            OPERATIONS,
        ),
        resolved=cases.GLOBEX,
        again=11,
        open=tuple(
            zip(
                cases.GLOBEX_OPEN,
                (
                    OpenCase(250, 220, "L2"),
                    OpenCase(1000, 900, "L2"),
                    OpenCase(1500, 1430, "L3"),  # P3, resolution breached
                    OpenCase(95),
                    OpenCase(520),  # P3, first response breached
                    OpenCase(600, 400, "L1"),
                    OpenCase(40),
                ),
                strict=True,
            )
        ),
        changes=talk.CHANGES["globex"],
        look=Look(6, "SUP-2063", "Breach mails arrive twice in one mailbox"),
    ),
    TenantPlan(
        slug="pilot",
        name="Pilot A.Ş.",
        language="tr",
        time_zone="Europe/Istanbul",
        segment="pilot",
        members=(
            Member("gulsen.ozdemir@pilot.example", "customer"),
            Member("can.ozturk@landing.example", "agent", "L1"),
            Member("burcu.kaya@landing.example", "agent", "L2"),
            Member("selin.aydin@landing.example", "manager", board=True),
            Member("nora.haugen@landing.example", "manager", board=True),
            Member("baris.ergin@pilot.example", "admin"),
        ),
        projects=(
            ProjectPlan("ENERJI", "Enerji", "FATURA", "Enerji faturaları pilotu", -15, 27),
            OPERATIONS,
        ),
        resolved=cases.PILOT,
        again=0,
        open=tuple(zip(cases.PILOT_OPEN, (OpenCase(330, 280, "L2"), OpenCase(900)), strict=True)),
        changes=talk.CHANGES["pilot"],
        closed="The mailboxes are moved; asked for by the customer",
    ),
)

TRESPASS = Trespass(
    slug="globex",
    rule="SEC-CROSS-SCOPE-001",
    minutes_ago=25 * 60 + 40,
    attempts=(0, 14, 31, 52),
    taken=4,
    note="One of PORTAL followed links that a colleague of BILLING had sent; told both. Nothing was shown.",
    looks=16,
)
