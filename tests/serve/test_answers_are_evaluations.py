"""An answer through the server is the one that `rung answer` gives, for a Candidate of every kind, whole and streamed."""

from __future__ import annotations

import pytest

QUESTIONS = ("Is it good?", "The gate: when does it open?", "What is twice 21?")
KINDS = ("plain", "shown", "held", "calibrated", "formed", "documents", "tooled", "tuned", "other", "linear")


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_rung_answer(served, client, kind):
    from rung.api import Home

    registered = Home(path=served[0].door.home.path).candidate(kind)
    for question in QUESTIONS:
        right = registered.answer(question)
        said = client.chat.completions.create(model=kind, messages=[{"role": "user", "content": question}])
        assert said.choices[0].message.content == right.text
        assert said.model == f"{kind}@1" and said.system_fingerprint.startswith("fp_")
        if right.prompt_tokens is not None:
            assert said.usage.prompt_tokens == right.prompt_tokens and said.usage.completion_tokens == right.completion_tokens
        parts = [
            chunk.choices[0].delta.content or ""
            for chunk in client.chat.completions.create(model=kind, messages=[{"role": "user", "content": question}], stream=True)
        ]
        assert "".join(parts) == right.text
