"""A home as the version before this one wrote it (format 1): the tables that it made, and a handful of rows.

Written out here, not made by the code of today: what a home of before looks like does not change when the code does.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

TABLES = """
CREATE TABLE tasks (seq INTEGER NOT NULL, digest TEXT NOT NULL, summary TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq),
    UNIQUE (digest));
CREATE TABLE candidates (seq INTEGER NOT NULL, id TEXT NOT NULL, built_for TEXT NOT NULL, fields TEXT NOT NULL,
    created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (id));
CREATE TABLE runs (seq INTEGER NOT NULL, id TEXT NOT NULL, candidate TEXT NOT NULL, task TEXT NOT NULL, split TEXT NOT NULL,
    n INTEGER NOT NULL, mean FLOAT, blob TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (id));
CREATE INDEX ix_runs_candidate ON runs (candidate);
CREATE INDEX ix_runs_task ON runs (task);
CREATE TABLE looks (seq INTEGER NOT NULL, task TEXT NOT NULL, candidate TEXT NOT NULL, n INTEGER NOT NULL, created TEXT NOT NULL,
    PRIMARY KEY (seq), UNIQUE (task, candidate, n));
CREATE TABLE names (seq INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, candidate TEXT NOT NULL,
    evidence TEXT NOT NULL, created TEXT NOT NULL, PRIMARY KEY (seq), UNIQUE (name, version));
CREATE TABLE facts (seq INTEGER NOT NULL, climb TEXT NOT NULL, "key" TEXT NOT NULL, payload TEXT NOT NULL, created TEXT NOT NULL,
    PRIMARY KEY (seq));
CREATE INDEX ix_facts_climb ON facts (climb);
CREATE TABLE answers (candidate TEXT NOT NULL, example TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (candidate, example));
"""
TRIGGER = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} BEGIN SELECT RAISE(ABORT, '{0} is append-only'); END"
HISTORY = ("tasks", "candidates", "runs", "looks", "names", "facts")
WHEN = "2026-11-20T10:00:00.000+00:00"
TASK, FINISHED, UNFINISHED = "7a" * 32, "c1" * 32, "c2" * 32
SENTENCE = "Ship r1_prompt: 84.0% is at least 80%."
DOCUMENT = {"climb": FINISHED, "name": "tone", "version": "tone@1", "verdict": {"status": "pass", "sentence": SENTENCE}}


def fields(**changes: object) -> dict[str, object]:
    """A candidate's fields, in the order of before."""
    plain: dict[str, object] = {"rung": "r1_prompt", "base": "pip:llm@sha256:00", "template": "81", "prompt": "Good or bad?"}
    parts = dict.fromkeys(("demos", "constraint", "calibration", "retriever", "tools"))
    return plain | parts | {"adapters": [], "max_tokens": 20, "parent": None} | changes


def sha256(value: object) -> str:
    """As the version before gave ids: SHA-256 of the JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


PROMPT = fields(constraint={"kind": "choice", "choices": ["bad", "good"]}, calibration={"bias": {"bad": 0.5, "good": -0.5}})
ADAPTER = fields(rung="r4_adapter", adapters=["ad" * 32], parent=sha256(PROMPT))
ANSWER = {
    **{"text": "good", "latency_s": 0.25, "prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 1, "cost_usd": None},
    **{"finish_reason": "stop", "logprobs": {"good": -0.1}, "calls": [], "passages": []},
}


def write_old_home(home: Path) -> None:
    """A registered prompt, an adapter built on it, a Run and a look of each, an answer, a finished climb and an unfinished one."""
    home.mkdir(exist_ok=True)
    (home / "format").write_text("1\n")
    (home / "lock").write_text('{"pid": 1, "since": "2026-11-20T10:00:00+00:00"}')
    (home / "blobs" / "tmp" / "left").mkdir(parents=True)
    raw = sqlite3.connect(home / "registry.db")
    raw.execute("PRAGMA journal_mode=WAL")
    raw.executescript(TABLES)
    for table in HISTORY:
        for verb in ("update", "delete"):
            raw.execute(TRIGGER.format(table, verb))
    summary = json.dumps({"base": "pip:llm", "name": "tone", "path": "tasks/tone/task.yaml"})
    raw.execute("INSERT INTO tasks (digest, summary, created) VALUES (?, ?, ?)", (TASK, summary, WHEN))
    for candidate in (ADAPTER, PROMPT):  # the child first: a step must not count on the order
        _write_candidate(raw, home, candidate)
    evidence = json.dumps({"climb": FINISHED, "rung": "r1_prompt", "task": TASK})
    raw.execute(
        "INSERT INTO names (name, version, candidate, evidence, created) VALUES ('tone', 1, ?, ?, ?)",
        (sha256(PROMPT), evidence, WHEN),
    )
    facts = [(FINISHED, "lock", {"task": TASK}), (FINISHED, "document", DOCUMENT), (UNFINISHED, "lock", {"task": TASK})]
    for climb, key, payload in facts:
        raw.execute("INSERT INTO facts (climb, key, payload, created) VALUES (?, ?, ?, ?)", (climb, key, json.dumps(payload), WHEN))
    raw.commit()
    raw.close()


def _write_candidate(raw: sqlite3.Connection, home: Path, candidate: dict[str, object]) -> None:
    name = sha256(candidate)
    row = {"example": "e1", "group": "g1", "answer": ANSWER, "scores": {"quality": {"value": 1.0, "reason": ""}}}
    run = {"candidate": name, "task": TASK, "split": "dev", "rows": [row], "environment": {"seed": 0}}
    data = json.dumps(run, separators=(",", ":")).encode()
    blob = hashlib.sha256(data).hexdigest()
    (home / "blobs" / blob[:2]).mkdir(parents=True, exist_ok=True)
    (home / "blobs" / blob[:2] / blob[2:]).write_bytes(data)
    text = json.dumps(candidate, separators=(",", ":"))
    raw.execute("INSERT INTO candidates (id, built_for, fields, created) VALUES (?, ?, ?, ?)", (name, TASK, text, WHEN))
    values = (blob, name, TASK, blob, WHEN)
    raw.execute(
        "INSERT INTO runs (id, candidate, task, split, n, mean, blob, created) VALUES (?, ?, ?, 'dev', 1, 1.0, ?, ?)", values
    )
    raw.execute("INSERT INTO looks (task, candidate, n, created) VALUES (?, ?, 120, ?)", (TASK, name, WHEN))
    raw.execute("INSERT INTO answers VALUES (?, 'e1', ?)", (name, json.dumps(ANSWER)))
