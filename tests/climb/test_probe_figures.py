"""Figures of single probes, where no whole diagnosis shows them: what cannot be told is None, and stands against nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rung.climb.diagnosis.case import Case, take_sample
from rung.climb.diagnosis.probes import ceiling, domain_language
from rung.engine.local.model import LocalModel
from rung.types import Bar, Candidate, Example, Task

JUDGE = """
def judge(example, answer):
    if "broken" in answer:
        raise ValueError("cannot be read")
    return example["target"] == answer
"""


def test_bits_per_byte_are_those_of_transformers(tiny_base: Path):
    from transformers import AutoModelForCausalLM

    model = LocalModel.load(tiny_base, dtype=torch.float32, device="cpu")
    text = "the weather in Rome is fine"
    ids = torch.tensor([model.tokenizer(text, add_special_tokens=False)["input_ids"]])
    reference = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    with torch.inference_mode():
        nats = float(reference(ids, labels=ids).loss) * (ids.shape[1] - 1)
    read = len(model.tokenizer.decode(ids[0, 1:]).encode())
    assert domain_language.bits_per_byte(model, [text]) == pytest.approx(nats / math.log(2) / read, rel=1e-4)


@pytest.mark.parametrize("texts", [[], [""], ["a"]])
def test_text_without_a_token_to_predict_has_no_bits_per_byte(tiny_base: Path, texts: list[str]):
    assert domain_language.bits_per_byte(LocalModel.load(tiny_base, dtype=torch.float32, device="cpu"), texts) is None


def test_answers_that_cannot_be_scored_do_not_stand_against_the_labels(tmp_path: Path):
    (tmp_path / "judge.py").write_text(JUDGE)
    bar = Bar(scorer="python", config={"function": "judge.py#judge"}, at_least=0.8)
    rows = [
        Example(
            id=f"{place}",
            messages=({"role": "user", "content": f"{place}"},),
            target=f"answer {place}",
            split="dev",
            repeats=(f"answer {place}" if place % 2 else "broken",),
        )
        for place in range(40)
    ]
    task = Task(name="t", base="b", instruction="", examples=tuple(rows), quality=bar, path=str(tmp_path / "task.yaml"))
    found = ceiling.probe(SimpleNamespace(task=task), ceiling.Config())
    assert found.facts["repeated"] == {"pairs": 20, "agreeing": 20, "covered": 1.0, "ceiling": 1.0}
    assert found.likely_ceiling == 1.0


def test_an_arm_asks_fewer_rows_where_tools_make_the_prompts_long():
    """What an arm may read is bounded, the list of tools that a row offers included."""
    tool = {"type": "function", "function": {"name": "find", "description": "Finds a thing. " * 400, "parameters": {}}}
    plain = Candidate(rung="r1_prompt", base="b", max_tokens=10)
    rows = tuple(Example(id=str(place), messages=({"role": "user", "content": f"{place}"},), target="x") for place in range(100))
    asked = {}
    for name, tools in (("without", ()), ("with", (tool,))):
        examples = tuple(replace(row, tools=tools) for row in rows)
        sample = take_sample(examples, [0.0] * 100, 1.0, 100)
        case = Case(task=SimpleNamespace(), context=SimpleNamespace(), sample=sample, plain=plain, bar=0.5)
        asked[name] = len(case.places(case.chars(plain)))
    assert asked == {"without": 100, "with": 25}
