"""How the machinery runs: clocks, deliveries, sign-in, streams, watchdog, retention."""

# ruff: noqa: RUF009 - threshold is dataclasses.field with a unit, not a mutable default

from dataclasses import dataclass
from decimal import Decimal

from project.thresholds.declaring import threshold


@dataclass(frozen=True)
class Health:
    """When a check of /health/ready warns or fails."""

    DATABASE_WARN_MS: int = threshold(100, "ms", "SELECT 1 slower than this: warning")
    DATABASE_ERROR_MS: int = threshold(500, "ms", "SELECT 1 slower than this, or a timeout: error")
    BEAT_STALE_SECONDS: int = threshold(60, "seconds", "no tick of beat for this long: error")
    QUEUE_STUCK_MINUTES: int = threshold(
        10, "minutes", "depth > 0 and nothing consumed for this long: stuck, so not ready"
    )
    READY_BUDGET_MS: int = threshold(600, "ms", "longest /health/ready waits for what hangs")
    PULSE_SECONDS: int = threshold(5, "seconds", "a process records that it goes on at most this often")
    PAGE_SECONDS: int = threshold(30, "seconds", "the page System health reads itself anew this often")
    PAGE_MINUTES: int = threshold(60, "minutes", "its requests are those of the last minutes")
    PAGE_TENANTS: int = threshold(50, "count", "tenants that it names, the worst first")
    KEEPALIVE_IDLE_SECONDS: int = threshold(
        2, "seconds", "a silent server is asked for a sign of life after this long"
    )
    KEEPALIVE_EVERY_SECONDS: int = threshold(1, "seconds", "and again this often")
    KEEPALIVE_TRIES: int = threshold(3, "count", "and given up after so many without an answer")
    LOST_AFTER_MS: int = threshold(5000, "ms", "or when what was sent is not received for this long")


@dataclass(frozen=True)
class Security:
    """Signals of one tenant within the window that raise a security alert."""

    CROSS_SCOPE_ATTEMPTS: int = threshold(3, "count", "alert SEC-CROSS-SCOPE-001, severity high")
    SCOPE_MISMATCHES: int = threshold(5, "count", "alert SEC-SCOPE-MISMATCH-001, severity medium")
    WINDOW_SECONDS: int = threshold(300, "seconds", "security signals are counted over this long")
    MOST_WINDOW_SECONDS: int = threshold(86_400, "seconds", "longest window that may be asked for")


@dataclass(frozen=True)
class Sweep:
    """The clock that carries out due deadlines."""

    EVERY_SECONDS: int = threshold(1, "seconds", "beat starts a sweep this often")
    BATCH: int = threshold(500, "count", "deadlines claimed at once")
    BACKOFF_SECONDS: int = threshold(
        5, "seconds", "wait before the first retry, doubled before each further one"
    )
    MAX_BACKOFF_SECONDS: int = threshold(300, "seconds", "longest wait between two retries")
    MAX_ATTEMPTS: int = threshold(8, "count", "failed attempts after which a deadline is dead")


@dataclass(frozen=True)
class Delivery:
    """The dispatcher of the outbox."""

    EVERY_SECONDS: int = threshold(5, "seconds", "beat starts the dispatcher this often")
    BATCH: int = threshold(100, "count", "deliveries leased at once")
    LEASE_SECONDS: int = threshold(
        60, "seconds", "a leased delivery not marked for this long may be taken again"
    )
    BACKOFF_SECONDS: int = threshold(
        10, "seconds", "upper bound of the first retry's wait, doubled per attempt"
    )
    MAX_BACKOFF_SECONDS: int = threshold(3600, "seconds", "longest upper bound of a retry's wait")
    MAX_ATTEMPTS: int = threshold(12, "count", "failed attempts after which a delivery is dead")
    SEND_TIMEOUT_SECONDS: int = threshold(10, "seconds", "a channel that has not answered by then has failed")
    THREADS: int = threshold(16, "count", "receivers that one dispatcher talks to at once")
    RUN_SECONDS: int = threshold(
        30, "seconds", "a dispatcher stops claiming after this long, and another goes on"
    )
    LOOK_AGAIN_MS: int = threshold(50, "ms", "a dispatcher marks what was sent, and claims more, this often")
    YIELD_SECONDS: int = threshold(
        10, "seconds", "telling waits this long for deadlines that are carried out"
    )
    DISABLE_AFTER_DAYS: int = threshold(3, "days", "an endpoint that fails for this long is disabled")
    SECRET_OVERLAP_HOURS: int = threshold(24, "hours", "a webhook's old secret signs beside the new one")
    ALARM_EVERY_MINUTES: int = threshold(
        15, "minutes", "staff are mailed about dead deadlines and deliveries at most this often"
    )
    STRIKES: int = threshold(
        2, "count", "failures in one run after which a receiver waits for the next dispatcher"
    )
    SLACK_THREAD_DAYS: int = threshold(2, "days", "how far back the beginning of a thread is looked for")
    SLACK_SKEW_SECONDS: int = threshold(60, "seconds", "our clock may be ahead of Slack's by this")
    SLACK_PAGE: int = threshold(200, "count", "messages of Slack asked for at once")
    ANSWER_BYTES: int = threshold(4096, "bytes", "of a receiver's answer that are looked at")
    QUOTED: int = threshold(200, "count", "characters of a receiver's answer that an error repeats")


@dataclass(frozen=True)
class Access:
    """How long a right lasts, and how soon a withdrawn one is noticed."""

    GRANT_MAX_MINUTES: int = threshold(60, "minutes", "longest support grant")
    TOKEN_MAX_DAYS: int = threshold(365, "days", "longest life of an API token")
    HOST_CACHE_SECONDS: int = threshold(
        2, "seconds", "a process believes its host-to-tenant answer for this long"
    )
    FLAG_REFRESH_SECONDS: int = threshold(2, "seconds", "a process believes its flags for this long")
    LOGIN_FAILURES: int = threshold(
        5, "count", "wrong passwords of one person at one address; then it is locked"
    )
    LOGIN_FAILURES_PER_ADDRESS: int = threshold(
        50, "count", "wrong passwords from one address, whoever is named; then it is locked"
    )
    LOGIN_COOL_OFF_MINUTES: int = threshold(15, "minutes", "such a lock lasts")
    RESET_MINUTES: int = threshold(60, "minutes", "a mailed link to set a new password works")
    INVITATION_DAYS: int = threshold(7, "days", "a mailed link to set the first password works")
    HOSTS_REMEMBERED: int = threshold(20_000, "count", "host names whose tenant a process remembers")
    SESSION_HOURS: int = threshold(12, "hours", "a session lasts")
    SEEN_EVERY_MINUTES: int = threshold(
        5, "minutes", "that a session is in use is written at most this often"
    )
    MAIL_EVERY_MINUTES: int = threshold(5, "minutes", "a person is mailed a link at most this often")
    CLOCK_SKEW_SECONDS: int = threshold(120, "seconds", "a link may come from a clock this far ahead of ours")
    FACTOR_FRESH_MINUTES: int = threshold(
        15, "minutes", "second factors change only this long after the password was given"
    )
    PASSWORD_LENGTH: int = threshold(12, "count", "characters of the shortest password")


@dataclass(frozen=True)
class Api:
    """How much one caller may ask of the API."""

    REQUESTS_PER_MINUTE: int = threshold(1200, "count", "of one user in one tenant; more is a 429")
    EXPORT_ROWS: int = threshold(10_000, "count", "longest list that is exported as CSV or XLSX")
    PAGE_ROWS: int = threshold(50, "count", "rows of a page of a list, unless more are asked for")
    MOST_PAGE_ROWS: int = threshold(200, "count", "most rows of a page that may be asked for")
    LISTS_REMEMBERED: int = threshold(1000, "count", "statements of lists that a process keeps")
    EXPORT_CHUNK_ROWS: int = threshold(500, "count", "rows of an export read and written at a time")
    EXPORT_MEMORY_BYTES: int = threshold(1_048_576, "bytes", "of an export that is not yet on disk")
    MOST_BODY_BYTES: int = threshold(10_000_000, "bytes", "largest body of a request, files aside")
    MOST_ERRORS: int = threshold(100, "count", "faults that one answer names")
    SUSPENDED_RETRY_SECONDS: int = threshold(3600, "seconds", "a suspended tenant's caller is told to wait")
    AWAY_RETRY_SECONDS: int = threshold(5, "seconds", "callers are told to wait while the database is away")
    BUSY_RETRY_SECONDS: int = threshold(
        1, "seconds", "callers are told to wait when rows are held by another"
    )
    THROTTLE_TIMEOUT_MS: int = threshold(100, "ms", "a cache that has not counted by then does not count")
    THROTTLE_REST_SECONDS: int = threshold(5, "seconds", "a cache that failed is not asked for this long")


@dataclass(frozen=True)
class Provisioning:
    """Preparation of new tenants."""

    SPARE_SCHEMAS: int = threshold(3, "count", "migrated schemas kept ready to be claimed")
    REFILL_SECONDS: int = threshold(60, "seconds", "schemas that were taken are made anew this often")
    LOCK_TIMEOUT_MS: int = threshold(5000, "ms", "a migration waits for a lock this long, then tries again")
    LOCK_TRIES: int = threshold(3, "count", "tries of a migration that finds a lock held")
    IN_PROCESS: int = threshold(4, "count", "up to so many tenants are migrated without a process for each")
    KEPT_TEMPLATES: int = threshold(3, "count", "templates kept, so that a rollback finds its own")


@dataclass(frozen=True)
class Retention:
    """How long finished rows are kept, and when what is older goes."""

    DAILY_AT_MINUTES: int = threshold(
        190, "minutes", "after midnight UTC, when what was kept long enough is deleted"
    )
    DEAD_DELIVERY_DAYS: int = threshold(90, "days", "dead deliveries are kept for this long")
    SENT_DELIVERY_DAYS: int = threshold(30, "days", "sent and needless deliveries are kept for this long")
    IDEMPOTENCY_HOURS: int = threshold(24, "hours", "a POST's answer is repeated for its Idempotency-Key")
    PERSONAL_DAYS: int = threshold(730, "days", "the personal parts of journal lines are kept for this long")
    SECURITY_COUNT_DAYS: int = threshold(90, "days", "counted security signals are kept for this long")
    JOURNAL_DAYS: int = threshold(2555, "days", "prune_journal archives lines older than this")
    REQUEST_METRIC_DAYS: int = threshold(35, "days", "counted requests are kept for this long")
    GAUGE_DAYS: int = threshold(35, "days", "measured levels are kept for this long")
    RUN_SUMMARY_DAYS: int = threshold(730, "days", "run summaries are kept for this long")
    ALERT_DAYS: int = threshold(365, "days", "recovered alerts are kept for this long")
    BATCH: int = threshold(5000, "count", "rows that retention deletes in one statement")
    READ_ROWS: int = threshold(2000, "count", "lines of a journal read at once")


@dataclass(frozen=True)
class Stream:
    """The live stream of changes: how often it says something, and how much one may hold."""

    BEAT_SECONDS: int = threshold(5, "seconds", "a live stream sends its clock this often")
    POLL_SECONDS: int = threshold(
        2, "seconds", "a web process looks for changes this often if nobody told it"
    )
    LIFE_SECONDS: int = threshold(300, "seconds", "a live stream ends after this long and needs a new ticket")
    TICKET_SECONDS: int = threshold(60, "seconds", "a ticket opens a live stream for this long")
    MOST_STREAMS: int = threshold(1000, "count", "live streams that one web process holds at once")
    QUEUE: int = threshold(256, "count", "changes that wait for a slow reader before it has to load all anew")
    MOST_MISSED: int = threshold(
        500, "count", "lines of the journal behind which a live stream tells to load all anew"
    )
    RETRY_SECONDS: int = threshold(5, "seconds", "who finds all streams taken is told to wait")
    PUBLISH_TIMEOUT_SECONDS: int = threshold(1, "seconds", "a cache that has not answered by then is away")
    PUBLISH_REST_SECONDS: int = threshold(1, "seconds", "a cache that failed is left alone for this long")


@dataclass(frozen=True)
class Metrics:
    """The figures of requests that a process gathers."""

    FLUSH_SECONDS: int = threshold(5, "seconds", "a process writes what it counted this often")
    SKETCH_ERROR: Decimal = threshold(Decimal("0.01"), "ratio", "relative error of a latency's percentile")
    MOST_SERIES: int = threshold(
        2000, "count", "tenant, route and status held in one process; what is more counts as (other)"
    )
    MOST_KEPT_MINUTES: int = threshold(
        30, "minutes", "so many minutes' figures are kept in memory while the database is away"
    )


@dataclass(frozen=True)
class Watchdog:
    """The process that watches whether the others get on."""

    EVERY_SECONDS: int = threshold(10, "seconds", "the watchdog looks this often")
    HEARTBEAT_SECONDS: int = threshold(30, "seconds", "it beats to the outside this often while all is well")
    STALE_SECONDS: int = threshold(
        60, "seconds", "no sweep or dispatch that succeeded for this long: no progress"
    )
    TIMEOUT_SECONDS: int = threshold(5, "seconds", "a heartbeat not answered by then has failed")
    BACKLOG_SECONDS: int = threshold(
        120, "seconds", "oldest due deadline or pending delivery older than this: no progress"
    )


@dataclass(frozen=True)
class Database:
    """How long one process may keep the database waiting, and wait for it."""

    CONNECT_SECONDS: int = threshold(3, "seconds", "a connection that is not made by then has failed")
    WEB_STATEMENT_MS: int = threshold(5000, "ms", "longest statement of a web process")
    WORKER_STATEMENT_MS: int = threshold(30_000, "ms", "longest statement of a worker")
    BEAT_STATEMENT_MS: int = threshold(10_000, "ms", "longest statement of beat and watchdog")
    WEB_LOCK_MS: int = threshold(3000, "ms", "longest wait of a web process for a lock")
    WORKER_LOCK_MS: int = threshold(5000, "ms", "longest wait of a worker for a lock")
    BEAT_LOCK_MS: int = threshold(5000, "ms", "longest wait of beat and watchdog for a lock")
    IDLE_SECONDS: int = threshold(60, "seconds", "a transaction in which nothing happens is ended")
    KEEPALIVE_IDLE_SECONDS: int = threshold(
        5, "seconds", "a silent server is asked for a sign of life after this long"
    )
    KEEPALIVE_EVERY_SECONDS: int = threshold(2, "seconds", "and again this often")
    KEEPALIVE_TRIES: int = threshold(3, "count", "and given up after so many without an answer")
    LOST_AFTER_MS: int = threshold(10_000, "ms", "or when what was sent is not received for this long")
    TASKS_PER_CONNECTION: int = threshold(1000, "count", "tasks after which a worker connects anew")


@dataclass(frozen=True)
class Broker:
    """The messages that wake workers; losing one loses nothing."""

    CONNECT_SECONDS: int = threshold(1, "seconds", "a connection that is not made by then has failed")
    ANSWER_SECONDS: int = threshold(5, "seconds", "a broker that has not answered by then is away")
    NUDGE_TIMEOUT_SECONDS: int = threshold(1, "seconds", "longest that waking a worker may take")
    NUDGE_SPACING_MS: int = threshold(50, "ms", "what is asked for meanwhile is one wake-up")
    WAKE_EXPIRES_SECONDS: int = threshold(
        30, "seconds", "a wake-up that waited longer is thrown away: the next does the same work"
    )
    TASK_SECONDS: int = threshold(120, "seconds", "a task that runs longer is killed")
    BEAT_LOOP_SECONDS: int = threshold(1, "seconds", "beat looks at its schedule this often")


@dataclass(frozen=True)
class Cache:
    """The cache; whoever needs it does without while it is away."""

    TIMEOUT_SECONDS: int = threshold(1, "seconds", "a cache that has not answered by then is away")


@dataclass(frozen=True)
class Journal:
    """The record of who did what."""

    HEADS_SECONDS: int = threshold(
        3600, "seconds", "the signed heads of all journals are exported this often"
    )


@dataclass(frozen=True)
class Process:
    """What every process does."""

    ALLOCATIONS: int = threshold(
        100_000, "count", "objects made before Python looks for cycles among them; a page makes thousands"
    )
    WEB_THREADS: int = threshold(
        8, "count", "requests that a web process works on at once, each on a database connection of its own"
    )


@dataclass(frozen=True)
class Doctor:
    """What doctor calls a fault."""

    CLOCK_SKEW_SECONDS: int = threshold(2, "seconds", "clocks further apart than this are a fault")
    UNSWEPT_MINUTES: int = threshold(2, "minutes", "a deadline overdue by more says that nobody sweeps")
    BROKER_TIMEOUT_SECONDS: int = threshold(2, "seconds", "a broker that has not answered by then is a fault")
