"""Answers by transformers' own `generate`: for models that keep between two tokens what only their own code knows.

How a token is chosen, held to a grammar and drawn is what every other path does: generate asks for the next one, and is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from rung.engine.constrain import Grammars
from rung.engine.local.rows import Row, pick

# The largest change of a logit, over the logits' own spread, that padding may make.
PADDING_CHANGES_AT_MOST = 1e-2
_PROBE_LENGTHS, _PROBE_STEPS = (7, 11), 3


class Teller(Protocol):
    """next_tokens()  the next token of every row, for logits (rows, vocabulary)
    finished()     of every row, whether that was its last"""

    def next_tokens(self, logits: Tensor) -> list[int]: ...

    def finished(self) -> list[bool]: ...


class Chosen:
    """Tells generate what its rows choose. A row's forced tokens, which come several at once, are told one after the other."""

    def __init__(self, rows: Sequence[Row], grammars: Grammars | None) -> None:
        self.rows, self._grammars = rows, grammars
        self._told = [len(row.made) for row in rows]

    def next_tokens(self, logits: Tensor) -> list[int]:
        chooses = [not row.finish_reason and told == len(row.made) for row, told in zip(self.rows, self._told, strict=True)]
        rows = [row for row, chosen in zip(self.rows, chooses, strict=True) if chosen]
        if rows:
            scores = logits[torch.tensor(chooses, device=logits.device)]
            if self._grammars:
                self._grammars.mask(scores, [row.ask.constraint for row in rows])
            for row, token in zip(rows, pick(scores, rows), strict=True):
                row.take(token)
        return [self._tell(place) for place in range(len(self.rows))]

    def finished(self) -> list[bool]:
        """What a finished row has not told yet is of no use to the model."""
        return [bool(row.finish_reason) for row in self.rows]

    def _tell(self, place: int) -> int:
        made, told = self.rows[place].made, self._told[place]
        self._told[place] = min(told + 1, len(made))
        return made[min(told, len(made) - 1)]


def generate(module: Any, prompts: Sequence[Sequence[int]], teller: Teller, limit: int, device: torch.device) -> None:
    """Run transformers' loop, prompts padded on the left where they are not of one length, until all rows are finished."""
    from transformers import GenerationConfig

    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    seen = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=limit, do_sample=False, num_beams=1, use_cache=True, pad_token_id=0
    )

    def told(_ids: Tensor, scores: Tensor) -> Tensor:
        tokens = torch.tensor(teller.next_tokens(scores.float()), device=device)
        return torch.full_like(scores, float("-inf")).scatter_(1, tokens[:, None], 0.0)

    def done(_ids: Tensor, _scores: Any, **_others: Any) -> Tensor:
        return torch.tensor(teller.finished(), device=device)

    module.generate(
        input_ids=ids, attention_mask=seen, generation_config=settings, logits_processor=[told], stopping_criteria=[done]
    )


def pads_rightly(module: Any, vocabulary: int, device: torch.device) -> bool:
    """Whether rows of unlike length, run together, say what each says alone, over a few steps."""
    prompts = [[(7 * place + length) % vocabulary for place in range(length)] for length in _PROBE_LENGTHS]

    def said(rows: Sequence[Sequence[int]]) -> Tensor:
        listener = _Listener(len(rows))
        generate(module, rows, listener, _PROBE_STEPS, device)
        return torch.stack(listener.heard, dim=1)

    together, alone = said(prompts), torch.cat([said([prompt]) for prompt in prompts])
    spread = float(alone.std())
    return bool((together - alone).abs().max() <= PADDING_CHANGES_AT_MOST * spread)


class _Listener:
    """Tells the same tokens to every row, and keeps the logits that it was asked with."""

    def __init__(self, rows: int) -> None:
        self.rows, self.heard = rows, list[Tensor]()

    def next_tokens(self, logits: Tensor) -> list[int]:
        self.heard.append(logits.clone())
        return [len(self.heard)] * self.rows

    def finished(self) -> list[bool]:
        return [False] * self.rows
