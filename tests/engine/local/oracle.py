"""What transformers and PEFT answer: the reference that the local engine is held to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rung.engine.backend import AdapterUse, Request
from rung.engine.chat import prompt_tokens
from rung.engine.local.batch import Batch
from rung.engine.local.completing import Completion
from rung.engine.local.model import LocalModel
from rung.engine.local.rows import Ask

TEXTS = (
    "I love how quickly the team solved my problem.",
    "Worst service ever.",
    "The screen is broken, the box was open and the charger is missing, please refund the money to my card.",
    "What is the capital of France?",
    "My order 48213 is late again; the new phone arrived today and it works great!",
)
LONG_SYSTEM = "You are a helpful assistant. Read the question and write a short answer. " * 6


def load(folder: Path) -> LocalModel:
    return LocalModel.load(folder, dtype=torch.float32, device="cpu")


def reference_model(folder: Path, adapter: Path | None = None):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return model.eval()


def ask(text: str, *, system: str = "", **settings) -> Request:
    turns = [{"role": "system", "content": system}] if system else []
    return Request(messages=(*turns, {"role": "user", "content": text}), **settings)


def adapted(requests: Sequence[Request], *adapters: Path) -> list[Request]:
    """The same requests, answered with these adapters."""
    uses = tuple(AdapterUse.of(folder) for folder in adapters)
    return [replace(request, adapters=uses) for request in requests]


@torch.inference_mode()
def greedy(reference, model: LocalModel, request: Request) -> tuple[list[int], str]:
    """(tokens, text) of transformers' own greedy generate, one prompt alone."""
    ids = torch.tensor([prompt_tokens(model.tokenizer, request.messages, request.tools)])
    ends = model.end_tokens
    out = reference.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=request.max_tokens,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=0,
    )[0, ids.shape[1] :].tolist()
    words = [token for token in out if token not in ends]
    return out, model.tokenizer.decode(words, skip_special_tokens=True)


@torch.inference_mode()
def sequence_log_probability(reference, prompt: list[int], answer: list[int]) -> float:
    logits = reference(torch.tensor([prompt + answer])).logits[0].double()
    logs = torch.log_softmax(logits, dim=-1)
    return sum(float(logs[len(prompt) - 1 + place, token]) for place, token in enumerate(answer))


def random_adapter(folder: Path, model: LocalModel, *, seed: int = 1, rank: int = 4, strength: float = 0.3) -> Path:
    """A LoRA adapter whose B factors are not zero, saved by the project."""
    from rung.engine.local.adapter import Adapter
    from rung.engine.local.adapter_kinds import lora as kind

    lora = Adapter.initialise(kind, kind.Config(rank=rank, alpha=8.0), model.config, seed, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in lora.tensors.items():
        if ".lora_B." in name:
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * strength)
    lora.save(folder, {"base": "tiny"})
    return folder


def complete(batch: Batch, asks: list[Ask]) -> list[Completion]:
    """Everything that is answered to these; nothing joins meanwhile. Raises the UserError of a row that has one."""
    numbers, made, ends = batch.add(asks), dict[int, list[int]](), dict[int, str]()
    while batch:
        for part in batch.step():
            if part.error:
                raise part.error
            made.setdefault(part.row, []).extend(part.tokens)
            ends[part.row] = part.finish_reason
    return [Completion(row=place, ids=made[number], finish_reason=ends[number]) for place, number in enumerate(numbers)]
