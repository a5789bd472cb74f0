"""What a server says of the model behind a name: by it a change can be noticed that the name does not show.

Nothing proves that it is the same model. A server that says nothing of itself can change without a trace; one whose fingerprint
changes may answer as before, from other software or settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rung.json_form import digest

# Of an entry in a list of models: what is of the model, not of the moment, the account or the price.
_SIZES = ("n_params", "n_vocab", "size", "n_embd")
_WORDS = {
    "served_as": "it calls itself {now}, not {before}",
    "weights": "its weights have the digest {now}, not {before}",
    "file": "it answers from {now}, not from {before}",
    "sizes": "its size is {now}, not {before}",
    "template": "its chat template changed",
    "fingerprint": "its system_fingerprint is {now}, not {before}: other software, settings or weights",
}


@dataclass(frozen=True, kw_only=True)
class ServerIdentity:
    """What a server said of its model; "" where it does not say.

    served_as    the model that an answer names
    weights      their digest (Ollama)
    file         where they were loaded from (llama.cpp's model_path, vLLM's root)
    sizes        parameters, bytes, vocabulary (llama.cpp)
    template     digest of its chat template (llama.cpp)
    fingerprint  the `system_fingerprint` of an answer
    """

    served_as: str = ""
    weights: str = ""
    file: str = ""
    sizes: str = ""
    template: str = ""
    fingerprint: str = ""

    def other_than(self, before: ServerIdentity) -> tuple[str, ...]:
        """What was said before and is said otherwise now, in words; what either does not say is not held against it."""
        pairs = [(field.name, getattr(before, field.name), getattr(self, field.name)) for field in fields(self)]
        return tuple(_WORDS[name].format(before=was, now=now) for name, was, now in pairs if was and now and was != now)

    def with_answer(self, answer: ServerIdentity) -> ServerIdentity:
        """The same with what an answer says."""
        return replace(self, served_as=answer.served_as, fingerprint=answer.fingerprint)


UNKNOWN = ServerIdentity()


def of_answer(reply: Mapping[str, Any]) -> ServerIdentity:
    """What a chat completion says of who made it."""
    return ServerIdentity(served_as=_text(reply.get("model")), fingerprint=_text(reply.get("system_fingerprint")))


def of_listing(entry: Mapping[str, Any], props: Mapping[str, Any], tags: Iterable[Any], model: str) -> ServerIdentity:
    """What the entry of a model, a llama.cpp's settings and an Ollama's models say of it."""
    meta = entry.get("meta")
    known = meta if isinstance(meta, Mapping) else {}
    sizes = ", ".join(f"{name} {known[name]:,}" for name in _SIZES if isinstance(known.get(name), int))
    template = props.get("chat_template")
    named = (one for one in tags if isinstance(one, Mapping) and one.get("name") in (model, f"{model}:latest"))
    return ServerIdentity(
        weights=_text(next(named, {}).get("digest")),
        file=_text(props.get("model_path")) or _text(entry.get("root")),
        sizes=sizes,
        template=digest(template) if isinstance(template, str) and template else "",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""
