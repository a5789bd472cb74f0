"""Windows, chunks, caps and sinks: what was drafted and taken back is seen by nobody."""

from __future__ import annotations

import pytest
from drafted import Eager, Never, answers, prompt

from rung.engine.local.rows import Ask


@pytest.mark.parametrize("kind", ["mistral", "gemma2", "gpt_oss", "llama4_text"])
def test_drafts_change_no_answer_of_a_hooked_base(loaded, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    model = loaded(kind)
    asks = [Ask(ids=prompt(model, index), max_tokens=40) for index in range(4)]
    plain, slow = answers(model, monkeypatch, [asks[:2], asks[2:]], Never)
    eager, quick = answers(model, monkeypatch, [asks[:2], asks[2:]], Eager)
    assert eager == plain and quick <= slow
