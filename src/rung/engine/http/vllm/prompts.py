"""A request as vLLM's /completions takes it: the very tokens that this program renders, and the form in its own fields.

The server's chat template has no part in it: what is asked is what was trained and evaluated, to the last token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from rung.choices import choices
from rung.engine.backend import Request
from rung.engine.chat import opening, prompt_tokens
from rung.engine.encoding import encode
from rung.engine.http.alternatives import choice_logprobs
from rung.engine.http.sending import Reply
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.reply import is_thought_mark
from rung.types import CUT_OFF, FAILED, Answer

# The most alternatives that vLLM tells unless it is started otherwise.
_MOST_LOGPROBS = 20
_APART = re.compile(r'("(?:[^"\\]|\\.)*"?)|\s+', re.DOTALL)
_REASONS = {"length": CUT_OFF, "abort": FAILED, "error": FAILED}


class Prompts:
    """What a base's own folder says of how it is asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def tokenizer(self) -> Any:
        """Of the base's folder. Raises UserError as `load_tokenizer` does."""
        from rung.engine.local.tokenizer import load_tokenizer

        return load_tokenizer(self._folder)

    @cached_property
    def _ends(self) -> list[int]:
        from rung.engine.local.tokenizer import end_tokens

        return sorted(end_tokens(self.tokenizer, self._folder))

    @cached_property
    def _has_marks(self) -> bool:
        """Whether marks of a thought are special tokens: without them a draft would pass for the answer."""
        return any(is_thought_mark(token) for token in self.tokenizer.all_special_tokens)

    def ids(self, request: Request) -> list[int]:
        """The conversation as tokens, up to where the answer begins."""
        ids = prompt_tokens(self.tokenizer, request.messages, request.tools)
        if isinstance(request.constraint, SchemaConstraint):
            ids += encode(self.tokenizer, opening(self.tokenizer))
        return ids

    def body(self, request: Request, ids: list[int], *, model: str, salt: str, room: int | None) -> dict[str, Any]:
        """What is posted. `room` is how many tokens the model has left for the answer; None where that is not known.

        What the model's own settings would change of how an answer is drawn is said, each.
        """
        tokens = request.max_tokens if room is None else min(request.max_tokens, room)
        return {
            "model": model,
            "prompt": ids,
            "max_tokens": tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "seed": request.seed,
            "stop_token_ids": self._ends,
            "skip_special_tokens": not self._has_marks,
            "cache_salt": salt,
            "stream_options": {"include_usage": True},
            **_held(request),
            **_told(request),
        }


def _held(request: Request) -> dict[str, Any]:
    match request.constraint:
        case ChoiceConstraint(choices=names):
            return {"structured_outputs": {"choice": list(dict.fromkeys(names))}}
        case SchemaConstraint(schema=schema):
            return {"structured_outputs": {"json": dict(schema), "disable_any_whitespace": True}}
        case _:
            return {}


def _told(request: Request) -> dict[str, Any]:
    sampling = request.caller.sampling if request.caller else None
    asked = sampling.top_logprobs if sampling else None
    if isinstance(request.constraint, ChoiceConstraint):
        asked = _MOST_LOGPROBS
    stops = {"stop": list(sampling.stop)} if sampling and sampling.stop and request.constraint is None else {}
    return ({} if asked is None else {"logprobs": asked}) | stops


def read(reply: Reply, request: Request) -> Answer:
    """The Answer in what came, with its tokens."""
    choice: Mapping[str, Any] = reply.content["choices"][0]
    text = str(choice["message"].get("content") or "")
    reason = str(choice.get("finish_reason") or "stop")
    reason = _REASONS.get(reason, reason)
    logprobs = None
    if isinstance(request.constraint, ChoiceConstraint):
        named = choices(tuple(request.constraint.choices)).named(text)
        text = named[0] if len(named) == 1 else text
        logprobs = choice_logprobs(choice, text, request.constraint.choices)
    if isinstance(request.constraint, SchemaConstraint):
        text = _compact(text)
    usage = reply.content.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    details = usage.get("prompt_tokens_details")
    return Answer(
        text=text,
        latency_s=reply.seconds,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, Mapping) else None,
        completion_tokens=_count(usage.get("completion_tokens")),
        finish_reason=reason,
        logprobs=logprobs,
        fault="the server broke its answer off" if reason == FAILED else "",
    )


def _compact(text: str) -> str:
    """JSON without the white space that vLLM lets a model put between its parts: as the engine of this program writes it."""
    return _APART.sub(lambda found: found[1] or "", text)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
