from __future__ import annotations

from pathlib import Path

import pytest
import torch
from oracle import TEXTS, ask, greedy, load, reference_model, sequence_log_probability

from rung.engine.chat import prompt_tokens
from rung.engine.local.answering import Answering
from rung.engine.local.choose import choice_tokens
from rung.engine.local.precision import self_check
from rung.parts import ChoiceConstraint

pytestmark = pytest.mark.real


def test_a_real_model_answers_as_in_transformers(real_base: Path) -> None:
    model, reference = load(real_base), reference_model(real_base)
    system = "Classify the tone of the customer's message. Answer with one word: positive or negative."
    requests = [ask(text, system=system, max_tokens=12) for text in TEXTS[:3]]
    for request, answer in zip(requests, Answering(model).answer(requests), strict=True):
        assert answer.text == greedy(reference, model, request)[1]
    names = ["very positive", "very negative", "neutral"]
    asked = ask(TEXTS[1], system=system, constraint=ChoiceConstraint(choices=tuple(names)))
    answer = Answering(model).answer([asked])[0]
    prompt = prompt_tokens(model.tokenizer, asked.messages)
    tokens = choice_tokens(model.tokenizer, names).tokens
    scores = torch.tensor([sequence_log_probability(reference, prompt, list(row)) for row in tokens])
    assert answer.logprobs is not None
    assert torch.allclose(torch.tensor(list(answer.logprobs.values())), torch.log_softmax(scores, 0), atol=1e-3)


def test_a_real_model_passes_the_check_of_bfloat16(real_base: Path) -> None:
    config = load(real_base).config
    assert self_check(real_base, config, torch.device("cpu")).passed
