"""The fields of a body that say how an answer is drawn, the same on every endpoint."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rung.engine.caller import Sampling
from rung.serve.limits import Limits
from rung.serve.openai.fields import Text
from rung.serve.types import Refused

Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(ge=1)]
Stop = Text | Annotated[list[Text], Field(max_length=16)]


def sampling_of(
    body: Any,
    *,
    max_tokens: int | None,
    stop: str | list[str] | None = None,
    seed: int | None = None,
    top_logprobs: int | None = None,
) -> Sampling:
    """Greedy, as evaluation asks, unless the client says otherwise."""
    stops = [stop] if isinstance(stop, str) else stop or []
    return Sampling(
        temperature=body.temperature or 0.0,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=seed or 0,
        max_tokens=max_tokens,
        stop=tuple(filter(None, stops)),
        top_logprobs=top_logprobs,
    )


def count_of(n: int | None, limits: Limits) -> int:
    """How many answers. Raises Refused."""
    if (n or 1) > limits.answers:
        raise Refused(400, f"Invalid value for 'n': at most {limits.answers} answers.", param="n", code="invalid_value")
    return n or 1


def refuse_options(stream: bool | None, options: Any) -> None:
    """Raises Refused for what is said of a stream that is not asked for."""
    if options is not None and not stream:
        raise Refused(400, "stream_options is for streams.", param="stream_options", code="invalid_value")
