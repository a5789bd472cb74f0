"""What a server says of itself beside its answers: its models, what it is, how much it reads and how many it answers at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.http.completion import json_object
from rung.engine.http.identity import UNKNOWN, ServerIdentity, of_listing
from rung.engine.http.line import Line
from rung.errors import RungError

# How servers call the tokens that a question and its answer may have: vLLM, OpenRouter, Groq, LM Studio, llama.cpp.
_CONTEXT = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")
# Who a model belongs to is, with servers of one's own, the server.
_SOFTWARE = {"vllm": "vLLM", "llamacpp": "llama.cpp", "sglang": "SGLang", "library": "Ollama"}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What could be read. `models` is empty where none are listed."""

    model: str
    models: Sequence[str] = ()
    software: str = ""
    context: int | None = None
    slots: int | None = None
    identity: ServerIdentity = UNKNOWN

    def has(self, model: str) -> bool:
        """Whether a model is among those listed; Ollama's `:latest` may be left out."""
        return model in self.models or f"{model}:latest" in self.models

    def facts(self) -> dict[str, Any]:
        """As a finding holds it."""
        listed = self.has(self.model) if self.models else None
        return {"software": self.software, "listed": listed, "context": self.context, "slots": self.slots}


def read_listing(line: Line, model: str) -> Listing:
    """Asks for the list of models, and a server of one's own for its settings. What does not come is left out, never an error."""
    entries = _entries(_get(line, "/models"))
    entry = next((one for one in entries if _names(one, model)), entries[0] if len(entries) == 1 else {})
    software = _SOFTWARE.get(str(entry.get("owned_by")), "")
    context, slots = _context(entry) or _context(entry.get("meta")), None
    props: Mapping[str, Any] = {}
    if software in ("", "llama.cpp") and (props := _get(line, "/props", root=True)):
        settings = props.get("default_generation_settings")
        context, slots = _context(settings) or context, _count(props.get("total_slots"))
        software = software or ("llama.cpp" if isinstance(settings, Mapping) else "")
    if software in ("", "Ollama") and (loaded := _get(line, "/api/ps", root=True).get("models")):
        running = [one for one in loaded if isinstance(one, Mapping)] if isinstance(loaded, list) else []
        # What the model was loaded with, which is less than what it could read: longer questions are cut without a word.
        context = next((_context(one) for one in running if one.get("name") in (model, f"{model}:latest")), None) or context
        software = "Ollama"
    tags = _get(line, "/api/tags", root=True).get("models") if software == "Ollama" else None
    identity = of_listing(entry, props, tags if isinstance(tags, list) else [], model)
    names = [name for one in entries for name in (one.get("id"), *(one.get("aliases") or ()))]
    models = tuple(dict.fromkeys(name for name in names if isinstance(name, str)))
    return Listing(model=model, models=models, software=software, context=context, slots=slots, identity=identity)


def _get(line: Line, end: str, *, root: bool = False) -> Mapping[str, Any]:
    import httpx

    try:
        response = line.get(end, root=root)
    except (httpx.HTTPError, RungError):
        return {}
    return (json_object(response.text) or {}) if response.status_code == 200 else {}


def _entries(listing: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = listing.get("data")
    return [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []


def _names(entry: Mapping[str, Any], model: str) -> bool:
    return entry.get("id") in (model, f"{model}:latest") or model in (entry.get("aliases") or ())


def _context(entry: Any) -> int | None:
    if not isinstance(entry, Mapping):
        return None
    return next((count for name in _CONTEXT if (count := _count(entry.get(name)))), None)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
