"""What the product decides: invoices, incidents, money, alerts, summaries."""

# ruff: noqa: RUF009 - threshold is dataclasses.field with a unit, not a mutable default

from dataclasses import dataclass
from decimal import Decimal

from project.thresholds.declaring import threshold


@dataclass(frozen=True)
class Mismatch:
    """When an invoice's total differs from the computed one, and how badly."""

    RATIO: Decimal = threshold(
        Decimal("0.05"), "ratio", "|invoice - computed| / invoice at or above which totals mismatch (S2)"
    )
    ABSOLUTE: Decimal = threshold(
        Decimal(50), "TRY", "absolute difference at or above which totals mismatch (S2)"
    )
    SEVERE_RATIO: Decimal = threshold(Decimal("0.20"), "ratio", "with SEVERE_ABSOLUTE: both reached means S1")
    SEVERE_ABSOLUTE: Decimal = threshold(Decimal(500), "TRY", "with SEVERE_RATIO: both reached means S1")
    ROUNDING_DELTA: Decimal = threshold(
        Decimal(10), "TRY", "below this and below ROUNDING_RATIO the difference is rounding"
    )
    ROUNDING_RATIO: Decimal = threshold(
        Decimal("0.005"), "ratio", "below this and below ROUNDING_DELTA the difference is rounding"
    )
    HISTOGRAM_EDGES: tuple[Decimal, ...] = threshold(
        (Decimal("0.02"), Decimal("0.05"), Decimal("0.10"), Decimal("0.20")),
        "ratio",
        "edges of the buckets of mismatch ratios; a bucket holds its lower edge",
    )


@dataclass(frozen=True)
class Drift:
    """Guards of the comparison of one week with the week before."""

    MIN_SAMPLE: int = threshold(20, "count", "the current period must hold at least this many")
    MIN_ABSOLUTE_DELTA: int = threshold(5, "count", "the count must have moved by at least this")
    RATE_MULTIPLIER: Decimal = threshold(Decimal(2), "factor", "current rate >= this x previous rate")
    TOP_OFFENDERS_MIN_INVOICES: int = threshold(
        20, "count", "providers under this volume are left out of the by-rate list"
    )


@dataclass(frozen=True)
class Alert:
    """When figures raise an alert, and how alerts go on."""

    BUG_REPORT_RATE: Decimal = threshold(
        Decimal("0.10"), "ratio", "share of incidents whose action is BUG_REPORT"
    )
    EXHAUSTED_RATE: Decimal = threshold(
        Decimal("0.20"), "ratio", "share of retried incidents that ran out of retries"
    )
    STUCK_COUNT: int = threshold(1, "count", "stuck jobs that raise an alert")
    RECOMPUTE_LIMIT: int = threshold(1, "count", "recomputations of one incident that raise an alert")
    EVALUATE_SECONDS: int = threshold(60, "seconds", "alarms are evaluated this often")
    REOPEN_HOURS: int = threshold(
        24, "hours", "a breach within this long after the recovery reopens the alert"
    )
    MOST_SILENCE_HOURS: int = threshold(168, "hours", "longest silence of an alert")


@dataclass(frozen=True)
class Recovery:
    """When a job counts as stuck."""

    STUCK_MINUTES: int = threshold(
        10, "minutes", "a queued or running job older than this without progress is stuck"
    )


@dataclass(frozen=True)
class Validation:
    """What is believed of an extracted invoice."""

    LOW_CONFIDENCE: Decimal = threshold(
        Decimal("0.6"),
        "probability",
        "a field below this is low-confidence; a mismatch with one is OCR_LOCALE_SUSPECT",
    )
    MIN_UNIT_PRICE: Decimal = threshold(
        Decimal("0.5"), "TRY/kWh", "lowest accepted unit price of active energy"
    )
    MAX_UNIT_PRICE: Decimal = threshold(
        Decimal(15), "TRY/kWh", "highest accepted unit price of active energy"
    )
    MIN_DIST_PRICE: Decimal = threshold(Decimal(0), "TRY/kWh", "lowest accepted unit price of distribution")
    MAX_DIST_PRICE: Decimal = threshold(Decimal(5), "TRY/kWh", "highest accepted unit price of distribution")
    LINE_CONSISTENCY_TOLERANCE: Decimal = threshold(
        Decimal(2), "percent", "quantity x price against the line's amount"
    )
    HARD_STOP_DELTA: Decimal = threshold(Decimal(20), "percent", "difference at which pricing stops")
    ENERGY_CROSSCHECK_TOLERANCE: Decimal = threshold(
        Decimal(5), "percent", "energy line against consumption x unit price"
    )


@dataclass(frozen=True)
class SlaTarget:
    """Minutes from the report to the first response and to the resolution."""

    response: int
    resolution: int


@dataclass(frozen=True)
class Sla:
    """Targets per severity where no policy of the project says otherwise, and when to warn."""

    P1: SlaTarget = threshold(SlaTarget(60, 240), "minutes", "response and resolution of a P1")
    P2: SlaTarget = threshold(SlaTarget(240, 480), "minutes", "response and resolution of a P2")
    P3: SlaTarget = threshold(SlaTarget(480, 1440), "minutes", "response and resolution of a P3")
    P4: SlaTarget = threshold(SlaTarget(1440, 4320), "minutes", "response and resolution of a P4")
    WARN_PERCENTS: tuple[int, ...] = threshold(
        (50, 80), "percent", "of the target elapsed: a warning before the breach"
    )

    def targets(self) -> dict[str, SlaTarget]:
        """Map every severity, strictest first, to its target in minutes."""
        return {"P1": self.P1, "P2": self.P2, "P3": self.P3, "P4": self.P4}

    def for_severity(self, severity: str) -> SlaTarget:
        """Give a severity's target in minutes; KeyError for anything but P1, P2, P3, P4."""
        return self.targets()[severity]


@dataclass(frozen=True)
class Pilot:
    """How much the pilot tenant may do."""

    MAX_INVOICES_PER_HOUR: int = threshold(50, "count", "the next job is refused: 429 with Retry-After")
    MAX_INCIDENTS_PER_HOUR: int = threshold(
        20, "count", "the incident is not created; a warning is logged and counted"
    )
    WINDOW_SECONDS: int = threshold(3600, "seconds", "sliding window of both limits")


@dataclass(frozen=True)
class Ledger:
    """When the money loop is in trouble."""

    STUCK_MINUTES: int = threshold(
        30, "minutes", "a transfer in an intermediate state longer than this is stuck"
    )
    PAYOUT_FAILURE_RATE: Decimal = threshold(
        Decimal("0.15"), "ratio", "share of failed payouts above it: rollback"
    )


@dataclass(frozen=True)
class Hypercare:
    """The life of incidents."""

    REOPEN_DAYS: int = threshold(14, "days", "a closed incident can be reopened for this long")
    HOLIDAY_YEARS: int = threshold(
        10, "count", "public holidays are written into a calendar for so many years ahead"
    )
    AVERAGE_DAYS: int = threshold(30, "days", "averages and percentiles of times are taken over this long")
    SERIES_DAYS: int = threshold(30, "days", "days of a series by day, today included")
    SERIES_WEEKS: int = threshold(8, "count", "weeks of a series by week, this one included")
    CLOCK_ROWS: int = threshold(500, "count", "incidents whose clocks are computed at a time")
    CALENDARS_REMEMBERED: int = threshold(256, "count", "calendars whose hours a process keeps")
    EXCERPT: int = threshold(600, "count", "characters of a comment, or a plan, that a message shows")


@dataclass(frozen=True)
class Sheets:
    """What people may bring in a spreadsheet."""

    MOST_ROWS: int = threshold(2_000, "count", "rows of one import")
    MOST_BYTES: int = threshold(5_000_000, "bytes", "size of one file")
    MOST_COLUMNS: int = threshold(50, "count", "columns that are read")
    MOST_FAULTS: int = threshold(50, "count", "refused rows that are told")
    UNPACKED: Decimal = threshold(
        Decimal(10),
        "factor",
        "a workbook may be so many times as large unpacked: a bomb packs better than text",
    )


@dataclass(frozen=True)
class WarRoom:
    """How much the war room shows at once."""

    INCIDENTS: int = threshold(500, "count", "open incidents that the war room lists")
    FEED: int = threshold(12, "count", "newest lines of the journal that the war room shows")
    TREND_DAYS: int = threshold(30, "days", "days that the war room's trends go back")
    CHANGES: int = threshold(50, "count", "unfinished change requests that the war room lists")


@dataclass(frozen=True)
class Console:
    """What the consoles show, and how much at once."""

    PAGE_ROWS: int = threshold(50, "count", "rows on a page of a list")
    BULK_ROWS: int = threshold(200, "count", "rows that one selection may change, and one page may show")
    SAID_ONE_BY_ONE: int = threshold(5, "count", "a larger selection is told about in one line")
    STORY_LINES: int = threshold(100, "count", "newest lines of a story searched for who changed what")
    EVENTS: int = threshold(3, "count", "events that a cell of a list names")
    NEEDS: int = threshold(10, "count", "incidents and votes that an overview names")
    SOON_HOURS: tuple[int, ...] = threshold(
        (1, 4, 24), "hours", 'what "due soon" offers; the first is urgent'
    )
    REPORTED_DAYS: tuple[int, ...] = threshold((1, 2, 7, 30), "days", 'what "reported" offers')
    UPCOMING_DAYS: int = threshold(60, "days", "a calendar's closed days are shown this far ahead")
    PREVIEW_LEGS: int = threshold(40, "count", "stretches of a clock's way that a preview shows")
    MOST_VIEWS: int = threshold(30, "count", "views of one list that a person keeps")
    LANDSCAPE_ROWS: int = threshold(50, "count", "tenants with breaches that the landscape names")
    LANDSCAPE_TENANTS: int = threshold(
        50, "count", "tenants that one statement asks; each holds locks until it ends"
    )
    LANDSCAPE_LOCK_MS: int = threshold(
        200, "ms", "a tenant whose tables are held for longer is left out, and said to be"
    )
    LATE_PERIODS: int = threshold(3, "count", "periods that may pass before what did not run is late")
    WRITTEN_AFTER_MINUTES: int = threshold(5, "minutes", "beat writes what it ran within this time")
    REFILLED_AFTER_MINUTES: int = threshold(
        5, "minutes", "a spare schema that was taken is made anew by then"
    )


@dataclass(frozen=True)
class Page:
    """The pages of the app in the browser: how long they wait, and how much they show at once."""

    TOAST_SECONDS: int = threshold(6, "seconds", "a page says for this long that something was done")
    TOASTS: int = threshold(3, "count", "such words that stand on a page at once, the newest")
    TYPING_MS: int = threshold(250, "ms", "a search looks up what was typed after a pause of this long")
    GATHER_MS: int = threshold(
        400, "ms", "a page waits half of this, up to all of it, for more news before it loads what changed"
    )
    RETRY_SECONDS: int = threshold(
        1, "seconds", "upper bound of a page's wait before it asks again after a failure, doubled per failure"
    )
    MOST_RETRY_SECONDS: int = threshold(15, "seconds", "longest upper bound of that wait")
    SILENT_BEATS: Decimal = threshold(
        Decimal("2.5"), "factor", "a page takes a live stream for dead that is silent for so many beats"
    )
    CLOCK_MESSAGES: int = threshold(
        10, "count", "newest messages of the server, by the fastest of which a page sets its clock"
    )
    INCIDENT_SECONDS: int = threshold(
        300, "seconds", "a page reads its incident anew this often: hours begin and end by themselves"
    )
    MISSED_MS: int = threshold(
        1500, "ms", "the war room asks the server this long after a target was missed on the screen"
    )
    PROJECTS: int = threshold(2000, "count", "most projects of a person that the pages offer")
    FOUND_ROWS: int = threshold(5, "count", "incidents, and change requests, that the quick search offers")
    PANEL_ROWS: int = threshold(
        5,
        "count",
        "modules of a chart, change requests beside one's own, and parts of a clock that are named",
    )
    FINISHED_ROWS: int = threshold(
        10, "count", "closed change requests, and a customer's solved incidents, that a page shows at first"
    )
    RECENT_DAYS: int = threshold(
        7, "days", "the war room counts what came and went, and a customer sees what was solved, for so long"
    )


@dataclass(frozen=True)
class Verdict:
    """How a figure is judged."""

    SIGNIFICANCE: Decimal = threshold(
        Decimal("0.01"), "probability", "a rise less likely than this by chance is a change"
    )
    FUTURE_SECONDS: int = threshold(60, "seconds", "a figure's time may be ahead of ours by this")


@dataclass(frozen=True)
class Summary:
    """The summaries of a tenant's days."""

    TREND_DAYS: int = threshold(7, "days", "days in the weekly trend")
    PLAN_SECONDS: int = threshold(600, "seconds", "tenants' next midnights are looked for this often")
    WAIT_SECONDS: int = threshold(
        60, "seconds", "a day is summarised this long after its midnight, when late figures are written"
    )
    CATCH_UP_DAYS: int = threshold(14, "days", "missed days are made up for so far back")
    MOST_DAYS_BACK: int = threshold(400, "days", "oldest day that can be summarised on demand")


@dataclass(frozen=True)
class MttrTarget:
    """Minutes until an incident is detected, mitigated and recovered from, and their mean time to repair."""

    detect: int
    mitigate: int
    recover: int
    mttr: int


@dataclass(frozen=True)
class Mttr:
    """How soon the operators mean to mend what broke."""

    P0: MttrTarget = threshold(
        MttrTarget(5, 15, 60, 60),
        "minutes",
        "security leak, tenant isolation broken: detect, mitigate, recover, MTTR",
    )
    P1: MttrTarget = threshold(
        MttrTarget(10, 30, 120, 120), "minutes", "core function degraded: detect, mitigate, recover, MTTR"
    )
    P2: MttrTarget = threshold(
        MttrTarget(30, 240, 1440, 1440),
        "minutes",
        "non-critical regression of screens or API: detect, mitigate, recover, MTTR",
    )
