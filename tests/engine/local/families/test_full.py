"""Every weight of a base of any family is trained as transformers would, and what is saved is a model that transformers loads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
sys.path.append(str(FOLDER.parents[2] / "train"))  # toys, for the steps

from measure import RATE, Bench  # noqa: E402
from table import EVERY, SEEING, Family  # noqa: E402
from toys import FACTS, reference_loss, settings, toy_rows  # noqa: E402

from rung.engine.local.attention import PrefixedRows  # noqa: E402
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer  # noqa: E402
from rung.train.rows import encode_rows  # noqa: E402

# Tied and untied heads, a soft cap, Conv1D, experts that are stored apart, one by its own code, and one with eyes.
KINDS = ("gemma2", "gpt2", "cohere", "mixtral", "falcon", "gemma3")
TRIED = [family for family in EVERY if family.kind in KINDS]


@pytest.mark.parametrize("family", TRIED, ids=[family.kind for family in TRIED])
def test_a_full_step_equals_transformers_and_loads_again(family: Family, tmp_path: Path) -> None:
    bench = Bench(family, tmp_path / "base")
    rows = encode_rows(bench.model.tokenizer, toy_rows(3), 500)
    config = settings("full", clip_norm=1e9)
    trainable, _ = apply_method(bench.model, config)
    loss = gradients(trainable, rows, config, at=1)
    theirs = bench.reference()
    expected = reference_loss(theirs, rows)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-4)
    apply_gradients(trainable, make_optimizer(trainable, config, RATE), RATE)
    torch.optim.AdamW(theirs.parameters(), lr=RATE, weight_decay=0.0).step()
    trainable.save(tmp_path / "trained", FACTS)
    loaded = type(theirs).from_pretrained(tmp_path / "trained", dtype=torch.float32, output_loading_info=True)
    assert not any(loaded[1][kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = torch.tensor(rows[0].ids)
    with torch.inference_mode():
        alone = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(ids))
        ours = trainable.decoder.logits(trainable.decoder.hidden(ids, torch.arange(len(ids)), alone))
        again, stepped = loaded[0].eval()(ids[None]).logits[0], theirs(ids[None]).logits[0]
    torch.testing.assert_close(ours, again, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(ours, stepped, atol=2e-2, rtol=1e-2)
    if family in SEEING:
        kept = {name: tensor for name, tensor in bench.theirs.state_dict().items() if "vision" in name}
        assert kept and all(torch.equal(tensor, loaded[0].state_dict()[name]) for name, tensor in kept.items())
