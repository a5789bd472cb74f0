from __future__ import annotations

from pathlib import Path

import pytest
import torch
from oracle import LONG_SYSTEM, TEXTS, adapted, ask, reference_model, sequence_log_probability

from rung.engine.chat import prompt_tokens, training_tokens
from rung.engine.local.answering import Answering
from rung.engine.local.choose import Choices, choice_tokens
from rung.errors import UserError
from rung.parts import ChoiceConstraint

DISTINCT = ["positive", "negative", "Berlin", "three"]
SHARED = ["order", "order late", "order late again", "ordinary", "oh", "my order", "my card", "positive"]


def answers_to(names: list[str]) -> dict:
    return {"constraint": ChoiceConstraint(choices=tuple(names))}


@pytest.mark.parametrize("system", ["", LONG_SYSTEM])
@pytest.mark.parametrize("with_adapter", [False, True])
@pytest.mark.parametrize("names", [DISTINCT, SHARED])
def test_log_probabilities_equal_a_plain_forward(
    tiny, tiny_base: Path, adapter: Path, system: str, with_adapter: bool, names: list[str]
) -> None:
    reference = reference_model(tiny_base, adapter if with_adapter else None)
    requests = [ask(text, system=system, **answers_to(names)) for text in TEXTS]
    answers = Answering(tiny).answer(adapted(requests, adapter) if with_adapter else requests)
    choices = choice_tokens(tiny.tokenizer, names)
    assert choices.distinct == (names is DISTINCT)
    for request, answer in zip(requests, answers, strict=True):
        prompt = prompt_tokens(tiny.tokenizer, request.messages)
        completions = []
        for name in names:
            ids, start = training_tokens(tiny.tokenizer, request.messages, (), name)
            completions.append(ids[start:][:1] if choices.distinct else ids[start:])
        scores = torch.tensor([sequence_log_probability(reference, prompt, tokens) for tokens in completions])
        expected = torch.log_softmax(scores, dim=0)
        assert answer.logprobs is not None and list(answer.logprobs) == names
        assert torch.allclose(torch.tensor(list(answer.logprobs.values())), expected, atol=1e-4)
        assert answer.text == names[int(expected.argmax())]
        assert answer.completion_tokens == len(choices.tokens[names.index(answer.text)])
        assert answer.prompt_tokens == len(prompt)


def test_many_labels_in_several_trees_equal_one(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        f"{first} {second}" for first in ("order", "phone", "card") for second in ("late", "broken", "missing", "new", "great")
    ]
    requests = [ask(text, **answers_to(names)) for text in TEXTS]
    whole = Answering(tiny).answer(requests)
    monkeypatch.setattr("rung.engine.local.choose.NODES_AT_ONCE", 12)
    monkeypatch.setattr("rung.engine.local.choose.SCORED_AT_ONCE", 7)
    apart = Answering(tiny).answer(requests)
    assert len(choice_tokens(tiny.tokenizer, names).trees) > 3
    for one, other in zip(whole, apart, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)


def test_what_all_choices_begin_with_is_read_not_scored() -> None:
    choices = Choices(((7, 8, 1, 2), (7, 8, 3, 2), (7, 8, 4, 5, 2)))
    assert choices.common == (7, 8) and choices.distinct
    assert Choices(((7, 2),)).common == (7,)
    assert not Choices(((7, 2), (7, 8, 2))).common[1:]


def test_probabilities_of_the_choices_sum_to_one(tiny) -> None:
    plain = Answering(tiny).answer([ask(TEXTS[0], **answers_to(DISTINCT))])[0]
    assert plain.logprobs is not None
    assert sum(torch.tensor(list(plain.logprobs.values())).exp().tolist()) == pytest.approx(1.0, abs=1e-5)


def test_one_choice_and_none(tiny) -> None:
    only = Answering(tiny).answer([ask("x", **answers_to(["positive"]))])[0]
    assert only.text == "positive" and only.logprobs == {"positive": 0.0}
    with pytest.raises(UserError, match="no choices"):
        Answering(tiny).answer([ask("x", **answers_to([]))])


def test_kinds_mix_in_one_call_and_keep_their_order(tiny) -> None:
    requests = [ask(TEXTS[0], **answers_to(DISTINCT)), ask(TEXTS[1], max_tokens=5), ask(TEXTS[2], **answers_to(SHARED))]
    together = Answering(tiny).answer(requests)
    alone = [Answering(tiny).answer([request])[0] for request in requests]
    assert [a.text for a in together] == [a.text for a in alone]
    assert Answering(tiny).answer([]) == []
