"""/v1/embeddings: texts as the vectors of the encoder that a Candidate finds its documents by."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rung.engine.backend import ContextTooLong
from rung.serve.door import Door
from rung.serve.limits import Limits
from rung.serve.openai.answers import new_id
from rung.serve.openai.completions import texts_of
from rung.serve.openai.fields import Body, read_body
from rung.serve.openai.plan import Who
from rung.serve.types import Asked, Refused, Served
from rung.types import Answer

if TYPE_CHECKING:
    from rung.engine.retrieval.encoders import Encoder


class EmbeddingBody(Body):
    """What it takes."""

    input: Any
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Embeds:
    """What a body asks to have embedded."""

    asked: Asked
    texts: tuple[str, ...]
    body: EmbeddingBody


def read(given: Mapping[str, Any], who: Who, limits: Limits) -> Embeds:
    """Raises Refused."""
    body = read_body(EmbeddingBody, given)
    if body.adapters is not None or body.mode or body.held:
        raise Refused(
            400, "An encoder takes no adapters, no mode and nothing held.", param="adapters", code="unsupported_parameter"
        )
    texts = texts_of(body.input, "input", limits)
    asked = Asked(
        id=new_id("embd-"),
        tenant=who.tenant,
        endpoint="embeddings",
        model=body.model,
        messages=tuple({"role": "user", "content": text} for text in texts),
        session=who.session,
        user=body.who,
    )
    return Embeds(asked=asked, texts=tuple(texts), body=body)


def embedded(door: Door, embeds: Embeds) -> tuple[dict[str, Any], Served]:
    """The response's body, and what answered. Raises Refused."""
    vectors: list[Any] = []

    def work(served: Served) -> Answer:
        encoder = _encoder(door, served)
        cut, room = encoder.unread(embeds.texts)
        if cut:
            raise ContextTooLong({0: f"{cut} of the texts are longer than the {room:,} tokens that the encoder reads"})
        vectors.extend(encoder.passage(text) for text in embeds.texts)
        return Answer(text="", prompt_tokens=_tokens(encoder, embeds.texts), completion_tokens=0)

    delivered = door.worked(embeds.asked, work)
    wanted = embeds.body.dimensions
    if wanted is not None and vectors and wanted != len(vectors[0]):
        problem = f"This encoder's vectors have {len(vectors[0])} numbers."
        raise Refused(400, problem, param="dimensions", code="unsupported_value")
    tokens = delivered.answer.prompt_tokens
    usage = None if tokens is None else {"prompt_tokens": tokens, "total_tokens": tokens}
    data = [{"object": "embedding", "index": n, "embedding": _told(one, embeds.body)} for n, one in enumerate(vectors)]
    return {"object": "list", "data": data, "model": delivered.served.ref, "usage": usage}, delivered.served


def _encoder(door: Door, served: Served) -> Encoder:
    retrieval = served.candidate.retrieval
    if retrieval is None or not retrieval.encoder:
        problem = "This model has no encoder: only one that finds documents by their meaning has."
        raise Refused(400, problem, param="model", code="unsupported_value")
    return door.runtime.encoder_for(retrieval.encoder)


def _tokens(encoder: Encoder, texts: tuple[str, ...]) -> int | None:
    return None if encoder.tokens is None else sum(map(encoder.tokens, texts))


def _told(vector: Any, body: EmbeddingBody) -> Any:
    """A vector as numbers, or as the bytes of little-endian float32, which OpenAI's client asks for."""
    import numpy as np

    if body.encoding_format == "base64":
        return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode()
    return [float(number) for number in vector]
