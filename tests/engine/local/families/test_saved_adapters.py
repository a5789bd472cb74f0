"""An adapter that was trained on a base of any family is one that PEFT loads, to the same logits, and that answers here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
sys.path.append(str(FOLDER.parents[2] / "train"))  # toys, for the steps

from measure import Bench  # noqa: E402
from oracle import TEXTS, adapted, ask, greedy  # noqa: E402
from table import EVERY, Family  # noqa: E402
from toys import FACTS, settings  # noqa: E402

from rung.engine.local.attention import PrefixedRows  # noqa: E402
from rung.train.loop import apply_method  # noqa: E402

# Conv1D, merged products, experts, one by its own code, and one with eyes.
KINDS = ("gpt2", "phi3", "mixtral", "mamba", "gemma3")
TRIED = [family for family in EVERY if family.kind in KINDS]


@pytest.mark.parametrize("family", TRIED, ids=[family.kind for family in TRIED])
def test_a_saved_adapter_is_peft_s(family: Family, tmp_path: Path) -> None:
    from peft import PeftModel

    bench = Bench(family, tmp_path / "base")
    trainable, _ = apply_method(bench.model, settings("lora", rank=4))
    chance = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for master in trainable.masters.values():
            master.add_(torch.randn(master.shape, generator=chance), alpha=0.2)
    trainable.save(tmp_path / "adapter", FACTS)
    peft = PeftModel.from_pretrained(bench.reference(), str(tmp_path / "adapter")).eval()
    ids = torch.randint(3, 500, (40,), generator=chance)
    with torch.inference_mode():
        alone = PrefixedRows(prefix_tokens=0, rows=1, row_length=40)
        ours = bench.model.decoder.logits(bench.model.decoder.hidden(ids, torch.arange(40), alone, trainable.update()))
        theirs = peft(input_ids=ids[None]).logits[0]
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
    requests = [ask(text, max_tokens=8) for text in TEXTS[:3]]
    mixed = [*adapted(requests, tmp_path / "adapter"), requests[0]]
    answers = bench.backend.answer(mixed)
    assert [answer.text for answer in answers[:3]] == [greedy(peft, bench.model, request)[1] for request in requests]
    assert answers[3].text == greedy(bench.reference(), bench.model, requests[0])[1]
