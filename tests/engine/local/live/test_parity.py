"""Every row of a mixed batch, of adapters and of stacks that each row weights for itself, says what PEFT says of it alone."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from live_oracle import Hearing
from oracle import LONG_SYSTEM, TEXTS, ask, reference_model

from rung.engine.backend import AdapterUse, Request
from rung.engine.caller import Caller, Gone, Piece, Sampling
from rung.engine.chat import prompt_tokens
from rung.engine.live import Limits
from rung.engine.local import bank, packed
from rung.engine.local.answering import Answering
from rung.engine.local.gathered import gathers
from rung.engine.local.model import LocalModel
from rung.engine.local.words import bytes_of_token
from rung.types import Answer

# All of them where they are asked for, else a sample.
BATCHES = 200 if os.environ.get("RUNG_ALL_BATCHES") else 8
WEIGHTS = (1.0, 1.0, 0.5, -0.4, 1.7)


@pytest.fixture(scope="module")
def peft_model(tiny_base, uses: Sequence[AdapterUse]):
    """PEFT's model with every adapter loaded, and each one's own scales."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(reference_model(tiny_base), str(uses[0].folder), adapter_name="0")
    for place, use in enumerate(uses[1:], 1):
        model.load_adapter(str(use.folder), adapter_name=str(place))
    layers = [module for module in model.modules() if hasattr(module, "scaling") and hasattr(module, "lora_A")]
    return model.eval(), [(layer, dict(layer.scaling)) for layer in layers]


@torch.inference_mode()
def alone(peft_model, weights: dict[int, float], ids: Sequence[int], start: int) -> torch.Tensor:
    """Log-probabilities behind each token from `start` - 1 on, under adapters by their places, each times its weight."""
    model, layers = peft_model
    for layer, scaling in layers:
        for place, weight in weights.items():
            layer.scaling[str(place)] = scaling[str(place)] * weight
    given = torch.tensor([list(ids)])
    if weights:
        model.base_model.set_adapter([str(place) for place in weights])
        logits = model(given).logits
    else:
        with model.disable_adapter():
            logits = model(given).logits
    return torch.log_softmax(logits[0, start - 1 : -1], dim=-1)


@dataclass
class Leaver(Hearing):
    """Leaves after so many pieces; None stays."""

    leaves_after: int | None = None
    gone: threading.Event | None = None

    def __call__(self, piece: Piece) -> None:
        super().__call__(piece)
        if self.leaves_after is not None and len(self.pieces) > self.leaves_after and self.gone:
            self.gone.set()


def asked(chance: random.Random, uses: Sequence[AdapterUse]) -> tuple[Request, dict[int, float]]:
    places = chance.sample(range(len(uses)), chance.choice((0, 1, 1, 1, 2, 3)))
    weights = {place: chance.choice(WEIGHTS) for place in places}
    gone = threading.Event()
    hearing = Leaver(leaves_after=chance.choice((None, None, None, 2)), gone=gone)
    caller = Caller(tenant=f"t{chance.randrange(3)}", sampling=Sampling(top_logprobs=4), hear=hearing, gone=gone)
    text = " ".join(chance.sample(TEXTS, chance.randint(1, 4)))
    request = ask(text, system=LONG_SYSTEM if chance.random() < 0.3 else "", max_tokens=chance.randint(2, 14), caller=caller)
    return replace(request, adapters=tuple(replace(uses[place], weight=weight) for place, weight in weights.items())), weights


def answered(desk, requests: Sequence[Request], pauses: Sequence[float]) -> list[Answer | None]:
    """Each from a thread of its own, that joins after a pause; None of who left."""
    found: list[Answer | None] = [None] * len(requests)

    def wait(place: int) -> None:
        threading.Event().wait(pauses[place])
        try:
            found[place] = desk.answer([requests[place]])[0]
        except Gone:
            assert requests[place].caller.gone.is_set()

    threads = [threading.Thread(target=wait, args=(place,)) for place in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture(params=["as stored", "packed", "packed, nothing compiled"])
def answering(request: pytest.FixtureRequest, live_tiny: LocalModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalModel]:
    """The model as it is stored, and laid out for products, as larger ones are; adapters with it, where they are not gathered."""
    if request.param.endswith("compiled"):
        monkeypatch.setattr(bank, "gathered", lambda _down, _up: None)
    else:
        assert gathers(torch.float32)
    if request.param == "as stored":
        yield live_tiny
        return
    monkeypatch.setitem(packed.NUMBERS_FROM, torch.float32, 0)
    model = LocalModel.load(live_tiny.folder, dtype=torch.float32, device="cpu", answers=True)
    assert model.packed
    yield model


def test_rows_of_random_batches_say_what_peft_says_alone(
    answering: LocalModel, live_tiny: LocalModel, uses: Sequence[AdapterUse], peft_model
) -> None:
    left = compared = 0
    for seed in range(BATCHES):
        chance = random.Random(seed)
        desk = Answering(answering).live(Limits(rows=chance.randint(2, 8), pass_tokens=chance.choice((16, 64, 256))))
        pairs = [asked(chance, uses) for _ in range(chance.randint(3, 9))]
        said = answered(desk, [request for request, _ in pairs], [chance.random() * 0.05 for _ in pairs])
        desk.close()
        for (request, weights), answer in zip(pairs, said, strict=True):
            if answer is None:
                left += 1
                continue
            if answer.completion_tokens - (answer.finish_reason == "stop") != len(answer.tokens):
                continue  # it made a token that is no text
            compared += 1
            compare(live_tiny, peft_model, request, weights, answer)
    assert compared > 2 * BATCHES and (left or BATCHES < 8)


def compare(live_tiny, peft_model, request: Request, weights: dict[int, float], answer: Answer) -> None:
    told = [token for piece in request.caller.hear.pieces for token in piece.tokens]
    assert len(told) == len(answer.tokens) and b"".join(token.data for token in told).decode("utf-8", "replace") == answer.text
    known = {bytes_of_token(live_tiny.tokenizer, token): token for token in range(len(live_tiny.tokenizer))}
    made = [known[token.data] for token in told]
    prompt = prompt_tokens(live_tiny.tokenizer, request.messages)
    logs = alone(peft_model, weights, [*prompt, *made], len(prompt))
    for place, (token, one) in enumerate(zip(made, told, strict=True)):
        assert float(logs[place].max()) - float(logs[place, token]) <= 1e-4, "another token is likelier"
        assert one.logprob == pytest.approx(float(logs[place, token]), abs=1e-4)
        assert [top[2] for top in one.top] == pytest.approx(logs[place].topk(4).values.tolist(), abs=1e-4)
