"""What is asked of a vLLM that runs: the driver's promises, with two adapters that it can load."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from tiny_adapter import make_tiny_adapter

from rung.engine.backend import AdapterUse, Request
from rung.engine.bases.resolve import Base, resolve
from rung.engine.caller import Caller, Gone, Piece, Sampling
from rung.engine.http.vllm.driver import Vllm, VllmSettings
from rung.engine.http.vllm.engines import Engine
from rung.parts import ChoiceConstraint, SchemaConstraint

QUESTION = ({"role": "user", "content": "Name a colour, and say in a few sentences why it is yours."},)
SCHEMA = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False}


def shows(setting: str, place: Path) -> None:
    """`setting` as `rung serve --engine` takes it; RUNG_VLLM_ADAPTERS is a folder that the server sees too."""
    engine = Engine.read(setting)
    base = resolve(engine.base, place)
    folder = Path(os.environ.get("RUNG_VLLM_ADAPTERS", place))
    backend = Vllm(base, VllmSettings(asked=engine.asked, most=1))
    _one_after_the_other(backend, base, folder)
    _leaving(backend)
    _forms(backend)


def said(backend: Vllm, *uses: AdapterUse, tenant: str = "a", tokens: int = 16) -> tuple[str, int | None]:
    pieces: list[Piece] = []
    caller = Caller(tenant=tenant, hear=pieces.append, sampling=Sampling(max_tokens=tokens))
    [answer] = backend.answer([Request(messages=QUESTION, adapters=uses, caller=caller)])
    assert "".join(piece.text for piece in pieces) == answer.text
    return answer.text, answer.cached_tokens


def _one_after_the_other(backend: Vllm, base: Base, folder: Path) -> None:
    assert base.folder is not None
    uses = [AdapterUse.of(make_tiny_adapter(base.folder, folder / f"a{rank}", rank=rank)) for rank in (8, 16)]
    cold = [said(backend)[0], *(said(backend, use)[0] for use in uses)]
    assert len(set(cold)) == 3, "each its own"
    warm = [said(backend)[0], *(said(backend, use)[0] for use in uses)]
    assert warm == cold, "warm answers equal cold ones"
    assert said(backend, uses[0], tenant="b")[1] in (0, None), "nothing kept is another tenant's"


def _leaving(backend: Vllm) -> None:
    gone = threading.Event()
    caller = Caller(gone=gone, hear=lambda piece: gone.set(), sampling=Sampling(max_tokens=500))
    with pytest.raises(Gone):
        backend.answer([Request(messages=QUESTION, caller=caller)])


def _forms(backend: Vllm) -> None:
    [choice] = backend.answer([Request(messages=QUESTION, constraint=ChoiceConstraint(choices=("red", "blue")))])
    assert choice.text in ("red", "blue") and choice.logprobs is not None and set(choice.logprobs) == {"red", "blue"}
    [held] = backend.answer([Request(messages=QUESTION, constraint=SchemaConstraint(schema=SCHEMA))])
    assert held.text in ('{"a":true}', '{"a":false}')
