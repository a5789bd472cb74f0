"""The tables as they are now, for queries. Triggers hold history to growing only; the cache of answers may be rewritten."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table, UniqueConstraint

from rung.registry import served_tables
from rung.registry.table_form import Text, metadata
from rung.registry.table_form import history as _table
from rung.registry.table_form import words as _text

tasks = _table("tasks", _text("digest", unique=True), _text("summary"))
candidates = _table("candidates", _text("id", unique=True), _text("built_for"), _text("fields"))
runs = _table(
    "runs",
    _text("id", unique=True),
    _text("candidate", index=True),
    _text("task", index=True),
    _text("split"),
    Column("n", Integer, nullable=False),
    Column("mean", Float),
    _text("blob"),
)
looks = Table(
    "looks",
    metadata,
    Column("seq", Integer, primary_key=True),
    _text("task"),
    _text("candidate"),
    Column("n", Integer, nullable=False),
    Column("created", Text, nullable=False),
    Column("row_set", Integer),
    UniqueConstraint("task", "candidate", "n"),
)
row_sets = _table("row_sets", _text("digest", unique=True), Column("n", Integer, nullable=False))
charges = _table(
    "charges",
    _text("climb", unique=True),
    Column("row_set", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("alpha", Float, nullable=False),
)
tests = _table(
    "tests",
    _text("gauge"),
    _text("test"),
    _text("lines"),
    _text("climb"),
    Column("alpha", Float, nullable=False),
    UniqueConstraint("gauge", "test", "lines", "climb"),
)
names = _table(
    "names",
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("candidate", index=True),
    _text("evidence"),
    UniqueConstraint("name", "version"),
)
facts = _table("facts", _text("climb", index=True), _text("key"), _text("payload"))
climbs = _table("climbs", _text("climb", unique=True), Column("form", Integer, nullable=False), _text("task"))
campaigns = _table("campaigns", _text("campaign", unique=True), _text("asked"))
campaign_facts = _table("campaign_facts", _text("campaign", index=True), _text("key"), _text("payload"))
aliases = _table("aliases", _text("old", unique=True), _text("candidate"))
alias_moves = _table(
    "alias_moves",
    _text("name"),
    _text("alias"),
    Column("version", Integer),
    Column("generation", Integer, nullable=False),
    _text("kind"),
    _text("who"),
    _text("reason"),
    _text("receipt"),
    UniqueConstraint("name", "alias", "generation"),
)
grounds = Table(
    "grounds",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("named", Integer, primary_key=True),
)
locked_rows = Table(
    "locked_rows",
    metadata,
    Column("row", Text, primary_key=True),
    Column("row_set", Integer, primary_key=True),
)
identities = _table("identities", _text("name", unique=True), _text("kind"), _text("fingerprint", unique=True), _text("public"))
audit = _table(
    "audit", _text("previous", unique=True), _text("kind"), _text("subject", index=True), _text("payload"), _text("digest")
)
heads = _table("heads", Column("lines", Integer, nullable=False), _text("digest"), _text("signer"), _text("signature"))


def _signed(name: str) -> Table:
    """Documents of one kind that somebody has signed, of versions."""
    version = Column("version", Integer, nullable=False)
    signature = (_text("body"), _text("signer"), _text("signature"))
    return _table(name, _text("digest", unique=True), _text("name"), version, *signature, Index(f"ix_{name}_of", "name", "version"))


locks = _table("locks", _text("task", unique=True), _text("blob"), _text("rows"), _text("trees"))
receipts, approvals = _signed("receipts"), _signed("approvals")
jobs = _table(
    "jobs",
    _text("id", unique=True),
    _text("kind"),
    _text("arguments"),
    _text("folder"),
    _text("settings"),
    _text("labels"),
    _text("host"),
    _text("who"),
    _text("version"),
    Column("form", Integer, nullable=False),
)
job_events = _table(
    "job_events",
    _text("job"),
    Column("number", Integer, nullable=False),
    _text("kind"),
    _text("state"),
    Column("attempt", Integer, nullable=False),
    _text("worker"),
    _text("said"),
    UniqueConstraint("job", "number"),
)
rollouts = _table("rollouts", _text("id", unique=True), _text("name"), _text("plan"), _text("secret"), _text("who"))
rollout_events = Table(
    "rollout_events",
    metadata,
    Column("seq", Integer, primary_key=True),
    _text("rollout"),
    Column("number", Integer, nullable=False),
    _text("kind"),
    _text("state"),
    Column("step", Integer, nullable=False),
    _text("said"),
    _text("evidence"),
    _text("who"),
    _text("created"),
    UniqueConstraint("rollout", "number"),
)
origins = _table(
    "origins",
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("line", unique=True),
    _text("home"),
    _text("ref"),
    _text("proof"),
    UniqueConstraint("name", "version"),
)
others = _table("others", _text("fingerprint", unique=True), _text("kind"), _text("name"), _text("home"), _text("public"))
removed = _table("removed", _text("blob", index=True), Column("bytes", Integer, nullable=False))
places = _table("places", _text("what", unique=True), _text("url"))
tunings = _table(
    "tunings",
    _text("id", unique=True),
    _text("once", unique=True),
    _text("tenant", index=True),
    _text("name", unique=True),
    _text("asked"),
    _text("job"),
)
tuning_events = _table("tuning_events", _text("tuning", index=True), _text("level"), _text("message"), _text("data"))
tuning_checkpoints = _table(
    "tuning_checkpoints",
    _text("tuning"),
    Column("step", Integer, nullable=False),
    _text("model"),
    _text("metrics"),
    UniqueConstraint("tuning", "step"),
)
tuning_ends = _table(
    "tuning_ends", _text("tuning", unique=True), _text("model"), _text("result"), _text("fault"), Column("tokens", Integer)
)


def _numbered(name: str, first: str, *texts: str, of: tuple[str, ...] = ()) -> Table:
    """A history whose rows of one thing are numbered: of two that write the next one, one is refused."""
    number, unique = Column("number", Integer, nullable=False), UniqueConstraint(first, *of, "number")
    return _table(name, *map(_text, (first, *of)), number, *map(_text, texts), unique)


serving_rules = _numbered("serving_rules", "subject", "body", "who")
held_calls = _table(
    "held_calls", _text("id", unique=True), _text("tenant"), _text("question", index=True), _text("body"), _text("expires")
)
held_events = _numbered("held_events", "held", "state", "who", "body", "signature")
stack_sessions = _numbered("stack_sessions", "tenant", "chosen", of=("session", "name"))
HISTORY = tuple(table for table in metadata.sorted_tables if table not in served_tables.CHANGING)

# What the answers of a name have cost on a day (2026-11-03, UTC).
line_spending = Table(
    "line_spending",
    metadata,
    Column("name", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("usd", Float, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("candidate", Text, primary_key=True),
    Column("example", Text, primary_key=True),
    _text("payload"),
    _text("kept", server_default=""),
)

# A tenant's files go when the tenant, or their time, says so.
files = _table(
    "files",
    _text("id", unique=True),
    _text("tenant", index=True),
    _text("filename"),
    _text("purpose"),
    Column("bytes", Integer, nullable=False),
    _text("digest", index=True),
    Column("expires", Float),
)

leases = Table(
    "leases",
    metadata,
    Column("climb", Text, primary_key=True),
    _text("name"),
    Column("pid", Integer, nullable=False),
    _text("host"),
    _text("started"),
    _text("token"),
    _text("since"),
    Column("beat", Float, nullable=False),
)

# Where each rollout stands; and what was seen of its answers, which is only added to, and cleared when nobody asks for it any more.
rollout_states = Table(
    "rollout_states",
    metadata,
    Column("rollout", Text, primary_key=True),
    _text("name", index=True),
    Column("place", Integer, nullable=False),
    _text("state"),
    Column("number", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    _text("ends"),
    _text("said"),
    _text("updated"),
)
rollout_seen = Table(
    "rollout_seen",
    metadata,
    Column("seq", Integer, primary_key=True),
    _text("rollout", index=True),
    _text("answer", index=True),
    _text("kind"),
    _text("arm"),
    _text("unit"),
    Column("share", Float, nullable=False),
    _text("scores"),
    _text("told"),
    _text("created"),
)

# Where each job stands: its last event, who has it, and what it said last. `place` is its number in the queue.
job_states = Table(
    "job_states",
    metadata,
    Column("job", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    _text("state", index=True),
    Column("number", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("exit_code", Integer),
    _text("said"),
    _text("tail"),
    Column("ready", Float, nullable=False),
    _text("token"),
    _text("worker"),
    Column("pid", Integer, nullable=False),
    _text("host"),
    _text("started"),
    Column("child_pid", Integer, nullable=False),
    _text("child_started"),
    Column("beats", Integer, nullable=False),
    _text("updated"),
)

workers = Table(
    "workers",
    metadata,
    Column("token", Text, primary_key=True),
    Column("pid", Integer, nullable=False),
    _text("host"),
    _text("started"),
    _text("version"),
    _text("since"),
    Column("beat", Float, nullable=False),
)
