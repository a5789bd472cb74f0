"""What llama.cpp makes of a GGUF file: the same tokens of a prompt, and what it says next.

Through llama-cpp-python, which is compiled where it is installed; of whole models also through cyllama, which comes compiled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rung.engine.encoding import OPEN
from rung.errors import UserError
from rung.export.agree import Probe

if TYPE_CHECKING:
    from torch import Tensor

# The packages, as they are imported; the first reads adapters too.
BOUND, COMPILED = "llama_cpp", "cyllama"
_PACKAGES = {BOUND: "llama-cpp-python", COMPILED: "cyllama"}
_LEAST_CONTEXT = 256
_SMALL_BYTES = 64 << 20
_F32 = 0  # of ggml's types: keys and values are not to be rounded while files are compared


def _threads(model: Path) -> int:
    """llama.cpp's threads wait for each other by counting: for a small model, beside other work, they take longer than one."""
    return 1 if model.stat().st_size < _SMALL_BYTES else os.cpu_count() or 1


class _Reader(Protocol):
    def tokens(self, text: str) -> list[int]: ...

    def text(self, ids: Sequence[int]) -> str: ...

    def next_to(self, ids: Sequence[int], first: int) -> Tensor:
        """(compared tokens, vocabulary) logits."""

    def close(self) -> None: ...


def reader_here() -> str:
    """The package that whole models are read with; the first where none is installed."""
    return COMPILED if find_spec(BOUND) is None and find_spec(COMPILED) is not None else BOUND


def package_of(reader: str) -> str:
    """What pip calls it."""
    return _PACKAGES[reader]


def llama_says(model: Path, probes: Sequence[Probe], adapter: Path | None = None) -> tuple[Tensor, ...]:
    """As `agree.asked_of`. Raises UserError where llama.cpp cuts a prompt into other tokens."""
    longest = max(len(probe.ids) for probe in probes)
    context = max(_LEAST_CONTEXT, longest + 1)
    is_bound = adapter is not None or reader_here() == BOUND
    reader: _Reader = _Bound(model, context, adapter) if is_bound else _Compiled(model, context)
    try:
        for probe in probes:
            _refuse_other_tokens(reader, probe)
        return tuple(reader.next_to(probe.ids, probe.first) for probe in probes)
    finally:
        reader.close()


class _Bound:
    def __init__(self, model: Path, context: int, adapter: Path | None) -> None:
        from llama_cpp import Llama

        self._llama: Any = Llama(
            model_path=str(model),
            lora_path=str(adapter) if adapter else None,
            n_ctx=context,
            n_batch=context,
            n_gpu_layers=0,
            n_threads=_threads(model),
            n_threads_batch=_threads(model),
            logits_all=True,
            type_k=_F32,
            type_v=_F32,
            verbose=False,
        )

    def tokens(self, text: str) -> list[int]:
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=True))

    def text(self, ids: Sequence[int]) -> str:
        said: bytes = self._llama.detokenize(list(ids), special=True)
        return said.decode("utf-8", "replace")

    def next_to(self, ids: Sequence[int], first: int) -> Tensor:
        import torch

        self._llama.reset()
        self._llama.eval(list(ids))
        return torch.from_numpy(self._llama.scores[first : len(ids)].copy())

    def close(self) -> None:
        self._llama.close()


class _Compiled:
    def __init__(self, model: Path, context: int) -> None:
        from cyllama.llama import llama_cpp

        self._library: Any = llama_cpp
        self._library.disable_logging()
        self._library.ggml_backend_load_all()
        wanted = self._library.LlamaModelParams()
        wanted.n_gpu_layers = 0
        # Its contexts ask their model for a number that its class has only in the vocabulary.
        kind = type("_Model", (self._library.LlamaModel,), {"n_vocab": property(lambda own: own.get_vocab().n_vocab)})
        self._model = kind(str(model), wanted)
        self._words = self._model.get_vocab()
        self._wanted = self._library.LlamaContextParams()
        self._wanted.n_ctx = self._wanted.n_batch = context
        self._wanted.n_threads = self._wanted.n_threads_batch = _threads(model)
        self._wanted.type_k = self._wanted.type_v = _F32

    def tokens(self, text: str) -> list[int]:
        return list(self._words.tokenize(text, add_special=False, parse_special=True))

    def text(self, ids: Sequence[int]) -> str:
        return str(self._words.detokenize(list(ids)))

    def next_to(self, ids: Sequence[int], first: int) -> Tensor:
        import torch

        context = self._library.LlamaContext(self._model, self._wanted)
        try:
            said = []
            for start, end in [(0, first + 1), *((place, place + 1) for place in range(first + 1, len(ids)))]:
                context.decode(self._library.llama_batch_get_one(list(ids[start:end]), start))
                said.append(torch.tensor(list(context.get_logits())))
            return torch.stack(said)
        finally:
            context.close()

    def close(self) -> None:
        self._model.close()


def _refuse_other_tokens(reader: _Reader, probe: Probe) -> None:
    """What stands in somebody's text like a control token is text here, and cannot be said so there."""
    if OPEN in probe.text:
        return
    ours, theirs = list(probe.ids[: probe.start]), reader.tokens(probe.text)
    if theirs == ours:
        return
    alike = next((at for at, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), min(len(theirs), len(ours)))
    raise UserError(
        f"llama.cpp cuts a prompt into {len(theirs)} tokens, the base's tokenizer into {len(ours)}, apart behind "
        f"{reader.text(ours[:alike])[-40:]!r}",
        hint="Every answer would be to another prompt. Export it for transformers instead.",
    )
