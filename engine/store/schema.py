"""The tables of the ledger: one append-only journal, blobs beside it, and projections that can be rebuilt from it.

Every amount is an INTEGER in the fixed units of its desk's market, every instant TEXT in ISO 8601 UTC with microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x6B616E70
SCHEMA_VERSION = 2

JOURNAL = """
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    desk TEXT NOT NULL,
    cycle_id TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
CREATE UNIQUE INDEX journal_key ON journal (key) WHERE key <> '';
CREATE INDEX journal_cycle ON journal (cycle_id) WHERE cycle_id <> '';
CREATE TRIGGER journal_keeps BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_stands BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE blobs (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
    size INTEGER NOT NULL CHECK (size >= 0),
    seq INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One projection: its columns in order, how many of the leading ones are the key, and what follows them in CREATE TABLE."""

    name: str
    columns: tuple[str, ...]
    keys: int
    constraints: str = ""
    indexes: str = ""

    @property
    def ddl(self) -> str:
        """CREATE TABLE, without its indexes."""
        key = ", ".join(self.column_names[: self.keys])
        extra = f", {self.constraints}" if self.constraints else ""
        body = ", ".join(f"{column} NOT NULL" if " " in column else f"{column} TEXT NOT NULL" for column in self.columns)
        rowid = "" if self.columns[0] == "seq INTEGER" and self.keys == 1 else ", WITHOUT ROWID"
        return f"CREATE TABLE {self.name} ({body}, PRIMARY KEY ({key}){extra}) STRICT{rowid};\n"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names without their types."""
        return tuple(column.split(" ")[0] for column in self.columns)


def _ints(names: str) -> tuple[str, ...]:
    return tuple(f"{name} INTEGER" for name in names.split())


def _texts(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_DESK = "FOREIGN KEY (desk) REFERENCES desks (desk) DEFERRABLE INITIALLY DEFERRED"
_CYCLE = "FOREIGN KEY (cycle_id) REFERENCES cycles (cycle_id) DEFERRABLE INITIALLY DEFERRED"

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table("desks", (*_texts("desk market currency"), *_ints("cash seq")), 1, "CHECK (cash >= 0)"),
        Table("configs", (*_texts("desk config_hash text_hash"), *_ints("seq")), 2),
        Table(
            "balances",
            (*_texts("desk account"), *_ints("amount")),
            2,
            f"CHECK (account <> 'cash' OR amount >= 0), {_DESK}",
        ),
        Table(
            "lots",
            (*_texts("desk lot_id instrument"), *_ints("quantity cost"), *_texts("bought_on sellable_on"), *_ints("seq n")),
            2,
            f"CHECK (quantity > 0), CHECK (cost >= 0), {_DESK}",
        ),
        Table(
            "orders",
            (
                *_texts("order_id desk cycle_id instrument side order_type"),
                *_ints("quantity limit_price stop_price"),
                *_texts("trading_day created_at status code"),
                *_ints("filled notional fees reserved seq moved_seq"),
                *_texts("moved_at"),
            ),
            1,
            "CHECK (quantity > 0), CHECK (filled BETWEEN 0 AND quantity), CHECK (notional >= 0), CHECK (reserved >= 0), " + _DESK,
            "CREATE INDEX orders_desk ON orders (desk, seq);\n"
            "CREATE INDEX orders_cycle ON orders (cycle_id);\n"
            "CREATE INDEX orders_open ON orders (desk, seq) "
            "WHERE status IN ('initialized', 'submitted', 'accepted', 'partially_filled');\n",
        ),
        Table("order_steps", (*_texts("order_id"), *_ints("seq"), *_texts("status code at")), 2),
        Table(
            "fills",
            (
                *_texts("fill_id order_id desk cycle_id instrument side"),
                *_ints("quantity price notional commission stamp transfer handling regulatory base"),
                *_texts("trading_day at source"),
                *_ints("seq"),
            ),
            1,
            "CHECK (quantity > 0), CHECK (price >= 0), CHECK (notional >= 0), "
            f"FOREIGN KEY (order_id) REFERENCES orders (order_id) DEFERRABLE INITIALLY DEFERRED, {_DESK}",
            "CREATE INDEX fills_desk ON fills (desk, seq);\nCREATE INDEX fills_order ON fills (order_id);\n",
        ),
        Table("adjustments", (*_texts("adjustment_id desk instrument reason"), *_ints("seq")), 1, _DESK),
        Table("adjusted_lots", (*_texts("adjustment_id instrument desk"), *_ints("quantity seq")), 2, "CHECK (quantity <> 0)"),
        Table(
            "perps",
            (*_texts("desk instrument"), *_ints("quantity entry margin seq")),
            2,
            f"CHECK (quantity <> 0), CHECK (entry >= 0), CHECK (margin >= 0), {_DESK}",
        ),
        Table(
            "fundings",
            (*_texts("settlement_id desk instrument at"), *_ints("mark rate_e8 hours amount seq")),
            1,
            _DESK,
            "CREATE INDEX fundings_desk ON fundings (desk, seq);\n",
        ),
        Table(
            "liquidations",
            (
                *_texts("liquidation_id desk instrument at"),
                "mark INTEGER",
                "trading_day",
                *_ints("quantity entry margin gain fee seq"),
            ),
            1,
            f"CHECK (quantity <> 0), {_DESK}",
            "CREATE INDEX liquidations_desk ON liquidations (desk, seq);\n",
        ),
        Table(
            "cycles",
            (
                *_texts("cycle_id desk trigger slot trading_day config_hash state reason"),
                *_ints("seq moved_seq"),
                *_texts("claimed_at moved_at"),
            ),
            1,
            _DESK,
            "CREATE INDEX cycles_desk ON cycles (desk, seq);\n"
            "CREATE INDEX cycles_unfinished ON cycles (desk, seq) "
            "WHERE state NOT IN ('COMPLETED', 'SKIPPED', 'ABSTAINED', 'FAILED', 'AMBIGUOUS');\n",
        ),
        Table("cycle_steps", (*_texts("cycle_id state"), *_ints("seq"), *_texts("reason at")), 2, _CYCLE),
        Table(
            "snapshots",
            (*_texts("cycle_id desk hash source as_of"), *_ints("instruments seq"), *_texts("stale candidates")),
            1,
            _CYCLE,
            "CREATE INDEX snapshots_hash ON snapshots (hash);\n",
        ),
        Table(
            "model_calls",
            (
                *_texts("cycle_id"),
                *_ints("call"),
                *_texts("desk provider model prompt_id prompt_version prompt_hash"),
                *_texts("outcome reply_hash detail"),
                *_ints("latency_ms tokens_in tokens_out tokens_cached"),
                *_texts("cost currency asked_at replied_at"),
                *_ints("asked_seq replied_seq"),
            ),
            2,
            f"CHECK (latency_ms >= 0), CHECK (tokens_in >= 0), CHECK (tokens_out >= 0), {_CYCLE}",
            "CREATE INDEX model_calls_asked ON model_calls (desk, asked_seq);\n",
        ),
        Table(
            "decisions",
            (
                *_texts("cycle_id"),
                *_ints("n"),
                *_texts("desk instrument intent"),
                *_ints("target_weight_ppm confidence_ppm stop_loss take_profit"),
                *_texts("reasoning sources"),
                *_ints("seq"),
            ),
            2,
            _CYCLE,
            "CREATE INDEX decisions_instrument ON decisions (desk, instrument, seq);\n",
        ),
        Table("rejections", (*_texts("cycle_id"), *_ints("n"), *_texts("desk instrument code observed"), *_ints("seq")), 2, _CYCLE),
        Table(
            "verdicts",
            (
                *_texts("cycle_id"),
                *_ints("seq n"),
                *_texts("desk instrument rule scope result code observed limit_value before_value after_value"),
            ),
            3,
            _CYCLE,
            "CREATE INDEX verdicts_instrument ON verdicts (desk, instrument, seq);\n",
        ),
        Table(
            "equity",
            (
                *_ints("seq"),
                *_texts("desk cycle_id trading_day as_of"),
                *_ints("cash market_value equity unrealized"),
            ),
            1,
            f"CHECK (equity = cash + market_value), {_DESK}",
            "CREATE INDEX equity_desk ON equity (desk, seq);\n",
        ),
        Table("marks", (*_texts("desk instrument"), *_ints("price seq")), 2, f"CHECK (price >= 0), {_DESK}"),
        Table(
            "alerts",
            (
                *_texts("alert_id desk severity code params cycle_id raised_at"),
                *_ints("raised_seq count acknowledged"),
                *_texts("acknowledged_by"),
            ),
            1,
            "CHECK (acknowledged IN (0, 1))",
            "CREATE INDEX alerts_raised ON alerts (raised_seq);\n",
        ),
        Table("trading_states", (*_texts("desk state reason by at"), *_ints("seq")), 1),
        Table("pauses", (*_texts("desk"), *_ints("paused"), *_texts("by at"), *_ints("seq")), 1, "CHECK (paused IN (0, 1))"),
        Table(
            "commands",
            (*_texts("command_id verb desk argument by outcome queued_at done_at"), *_ints("seq done_seq")),
            1,
            "",
            "CREATE INDEX commands_pending ON commands (seq) WHERE done_seq = 0;\n",
        ),
        Table("events", (*_ints("seq"), *_texts("at desk code params")), 1),
    )
}

VIEWS = """
CREATE VIEW positions AS
    SELECT desk, instrument, sum(quantity) AS quantity, sum(cost) AS cost, count(*) AS lots FROM lots GROUP BY desk, instrument;
"""


def tables_ddl() -> str:
    """Every CREATE TABLE of the projections."""
    return "".join(table.ddl for table in TABLES.values())


def indexes_ddl() -> str:
    """Their indexes and views; a rebuild makes them last, which is faster."""
    return "".join(table.indexes for table in TABLES.values()) + VIEWS


def statements(script: str) -> list[str]:
    """A script cut into statements, so that each runs inside the caller's transaction (executescript would commit it)."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if line.rstrip().endswith(";"):
            found.append(pending)
            pending = ""
    return found
