"""What a family's tiny model says here, against transformers and PEFT on the same folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from family_models import make
from oracle import TEXTS, ask, greedy, sequence_log_probability
from table import Family
from toys import reference_loss, settings, toy_rows

from rung.engine.backend import Request
from rung.engine.chat import prompt_tokens, training_tokens
from rung.engine.constrain import Grammars
from rung.engine.local.answering import Answering
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer
from rung.train.rows import encode_rows

SYSTEM = "You are a helpful assistant. Read the question and write a short answer. " * 3
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Paris", "Rome"]},
        "days": {"type": "integer", "minimum": 0, "maximum": 9},
        "why": {"type": "string"},
    },
    "required": ["city", "days", "why"],
    "additionalProperties": False,
}
SCHEMA["properties"]["why"]["maxLength"] = 6  # type: ignore[index]
CHOICES = ("positive", "negative", "neither of them", "neither")
RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One row of docs/models.md.

    logits   largest difference at any position
    greedy   answers equal to `generate`'s, of so many
    choices  largest difference of a choice's log-probability
    loss     of a LoRA step: its difference from PEFT's; `step` the largest difference of a new A or B
    json     JSON answers equal to a plain loop's under the same grammar, of so many
    """

    path: str
    logits: float
    greedy: tuple[int, int]
    choices: float
    loss: float
    step: float
    json: tuple[int, int]

    @property
    def equal(self) -> bool:
        return (
            max(self.logits, self.choices, self.loss) < 2e-4
            and self.step < RATE / 10
            and all(equal == of > 0 for equal, of in (self.greedy, self.json))
        )


class Bench:
    """A family's folder, what it is here, and what it is in transformers."""

    def __init__(self, family: Family, folder: Path) -> None:
        self.family, self.folder = family, make(family, folder)

    @cached_property
    def model(self) -> LocalModel:
        return LocalModel.load(self.folder, dtype=torch.float32, device="cpu")

    def reference(self) -> Any:
        from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

        kind = AutoModelForCausalLM if self.family.text is None else AutoModelForImageTextToText
        return kind.from_pretrained(self.folder, dtype=torch.float32).eval()

    @cached_property
    def theirs(self) -> Any:
        return self.reference()

    @cached_property
    def backend(self) -> Answering:
        return Answering(self.model)

    def measured(self) -> Measured:
        loss, step = self.lora_step()
        return Measured(
            path=self.model.decoder.WAY,
            logits=self.logits(),
            greedy=self.greedy(),
            choices=self.choices(),
            loss=loss,
            step=step,
            json=self.json(),
        )

    @torch.inference_mode()
    def logits(self) -> float:
        """Over one row alone, and two rows behind a prefix."""
        decoder = self.model.decoder
        ids = torch.randint(3, 500, (70,), generator=torch.Generator().manual_seed(1))
        expected = self.theirs(ids[None]).logits[0]
        alone = PrefixedRows(prefix_tokens=0, rows=1, row_length=70)
        ours = decoder.logits(decoder.hidden(ids, torch.arange(70), alone))
        behind = PrefixedRows(prefix_tokens=30, rows=2, row_length=40)
        places = torch.cat((torch.arange(70), torch.arange(30, 70)))
        twice = decoder.logits(decoder.hidden(ids[places], places, behind))
        return max(float((ours - expected).abs().max()), float((twice - expected[places]).abs().max()))

    def greedy(self) -> tuple[int, int]:
        """Rows of unlike lengths behind one system prompt."""
        requests = [ask(text, system=SYSTEM, max_tokens=6 + 2 * index) for index, text in enumerate(TEXTS[:4])]
        answers = self.backend.answer(requests)
        expected = [greedy(self.theirs, self.model, request) for request in requests]
        equal = [
            (answer.text, answer.completion_tokens) == (text, len(tokens))
            for answer, (tokens, text) in zip(answers, expected, strict=True)
        ]
        return sum(equal), len(equal)

    @torch.inference_mode()
    def choices(self) -> float:
        requests = [ask(text, constraint=ChoiceConstraint(choices=CHOICES)) for text in TEXTS[:2]]
        worst = 0.0
        for request, answer in zip(requests, self.backend.answer(requests), strict=True):
            rows = [training_tokens(self.model.tokenizer, request.messages, (), choice) for choice in CHOICES]
            scores = [sequence_log_probability(self.theirs, ids[:start], ids[start:]) for ids, start in rows]
            expected = torch.log_softmax(torch.tensor(scores), 0).tolist()
            logs = answer.logprobs or {}
            worst = max(worst, *(abs(logs[choice] - score) for choice, score in zip(CHOICES, expected, strict=True)))
        return worst

    def json(self) -> tuple[int, int]:
        requests = [ask(text, max_tokens=60, constraint=SchemaConstraint(schema=SCHEMA)) for text in TEXTS[1:3]]
        answers = self.backend.answer(requests)
        equal = [
            _valid(answer.text) and answer.text == self._held(request) for request, answer in zip(requests, answers, strict=True)
        ]
        return sum(equal), len(equal)

    @torch.inference_mode()
    def _held(self, request: Request) -> str:
        """A loop without any cache: the likeliest token that the grammar allows, one after the other."""
        tokenizer, ends = self.model.tokenizer, self.model.end_tokens
        ids, made = prompt_tokens(tokenizer, request.messages), []
        width = self.theirs(torch.tensor([ids])).logits.shape[-1]
        grammars = Grammars(tokenizer, width, sorted(ends))
        held = grammars.constraint(SCHEMA)
        while not held.complete and len(made) < request.max_tokens:
            logits = self.theirs(torch.tensor([ids + made])).logits[0, -1:].float()
            grammars.mask(logits, [held])
            token = int(logits.argmax())
            if token in ends:
                break
            held.take(token)
            made.append(token)
        return str(tokenizer.decode(made))

    def lora_step(self) -> tuple[float, float]:
        """(the loss's difference from PEFT's, the largest difference of a tensor after a step). AssertionError for other names."""
        from peft import LoraConfig, get_peft_model

        rows = encode_rows(self.model.tokenizer, toy_rows(3), 500)
        config = settings("lora", rank=4, alpha=8.0, clip_norm=1e9)
        trainable, _ = apply_method(self.model, config)
        chance = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for master in trainable.masters.values():
                master.add_(torch.randn(master.shape, generator=chance), alpha=0.1)
        peft = get_peft_model(self.reference(), LoraConfig(r=4, lora_alpha=8.0, target_modules=self._targets(trainable.masters)))
        theirs = {_plain(name): tensor for name, tensor in peft.named_parameters() if ".lora_" in name}
        assert theirs.keys() == trainable.masters.keys(), sorted(theirs.keys() ^ trainable.masters.keys())[:6]
        with torch.no_grad():
            for name, tensor in theirs.items():
                tensor.copy_(trainable.masters[name])
        loss = gradients(trainable, rows, config, at=1)
        apply_gradients(trainable, make_optimizer(trainable, config, RATE), RATE)
        expected = reference_loss(peft, rows)
        expected.backward()
        torch.optim.AdamW(theirs.values(), lr=RATE, weight_decay=0.0).step()
        step = max(float((trainable.masters[name] - tensor).detach().abs().max()) for name, tensor in theirs.items())
        return abs(loss - expected.item()), step

    def _targets(self, names: Sequence[str]) -> str | list[str]:
        """All linear modules, as PEFT means it; those of ours, where it would train eyes, or the experts' one tensor, too."""
        if self.family.text is None and not self.family.partly:
            return "all-linear"
        return sorted({name.rpartition(".lora_")[0] for name in names})


def _plain(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".default", "")


def _valid(text: str) -> bool:
    import jsonschema

    try:
        jsonschema.validate(json.loads(text), SCHEMA)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True
