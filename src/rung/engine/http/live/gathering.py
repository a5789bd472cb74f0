"""The events of an answer, gathered into the completion that the server would have sent in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.engine.caller import TokenLogprob

# What stands in a choice, or beside the choices, as a whole: the last one counts.
_OF_ALL = ("id", "model", "system_fingerprint", "usage", "error")
_OF_CALL = ("name", "arguments")


class Gathered:
    """A completion that grows. `content` is that of a reply that came at once; `ended` says that the model came to an end."""

    def __init__(self) -> None:
        self.ended = False
        self._all: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    @property
    def model(self) -> str:
        """The model that the server says answers; "" where it does not say."""
        said = self._all.get("model")
        return said if isinstance(said, str) else ""

    @property
    def error(self) -> Any:
        """What went wrong, in the server's words; None where nothing did."""
        return self._all.get("error")

    @property
    def content(self) -> dict[str, Any]:
        """As one reply."""
        choices = [_whole(self._choices[index], index) for index in sorted(self._choices)]
        return {**self._all, "choices": choices}

    def take(self, event: Mapping[str, Any]) -> tuple[str, tuple[TokenLogprob, ...]]:
        """(what the first choice goes on with, its tokens where they are told)."""
        self._all |= {name: event[name] for name in _OF_ALL if event.get(name) is not None}
        text, tokens = "", tuple[TokenLogprob, ...]()
        choices = event.get("choices")
        for number, choice in enumerate(choices if isinstance(choices, list) else []):
            if not isinstance(choice, Mapping):
                continue
            index = choice["index"] if isinstance(choice.get("index"), int) else number
            said = self._grow(self._choices.setdefault(index, {"message": {}}), choice)
            if index == 0:
                text, tokens = said, read_tokens(choice.get("logprobs"))
        return text, tokens

    def _grow(self, kept: dict[str, Any], choice: Mapping[str, Any]) -> str:
        """A choice with what came of it; gives the text that is new."""
        if choice.get("finish_reason"):
            kept["finish_reason"], self.ended = choice["finish_reason"], True
        if isinstance(choice.get("logprobs"), Mapping):
            kept.setdefault("logprobs", []).append(choice["logprobs"])
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, Mapping):
            delta = {"content": choice["text"]} if isinstance(choice.get("text"), str) else {}
        message = kept["message"]
        for name, value in delta.items():
            if name == "tool_calls" and isinstance(value, list):
                _grow_calls(message.setdefault("tool_calls", {}), value)
            elif name == "function_call" and isinstance(value, Mapping):
                _grow_call(message.setdefault(name, {}), value)
            elif name == "role":
                message[name] = value
            elif value is not None:
                message.setdefault(name, []).append(value)
        said = delta.get("content")
        return said if isinstance(said, str) else ""


def read_tokens(logprobs: Any) -> tuple[TokenLogprob, ...]:
    """The tokens of a choice with their log-probabilities; of an older interface too. Empty where they are not told."""
    if not isinstance(logprobs, Mapping):
        return ()
    content = logprobs.get("content")
    try:
        if isinstance(content, list):
            return tuple(_token(entry) for entry in content)
        if isinstance(logprobs.get("tokens"), list):
            return tuple(_token(entry) for entry in of_older(logprobs))
    except (KeyError, TypeError, ValueError):
        return ()
    return ()


def of_older(logprobs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The log-probabilities of /completions in the form that those of /chat/completions have. Raises KeyError, TypeError."""
    told = zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs.get("top_logprobs") or [], strict=False)
    rows = list(told) or [(token, value, {}) for token, value in zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True)]
    return [
        {
            "token": token,
            # The first token of a prompt that is told has none.
            "logprob": 0.0 if value is None else value,
            "top_logprobs": [{"token": other, "logprob": its} for other, its in (top or {}).items()],
        }
        for token, value, top in rows
    ]


def _token(entry: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((_text(one), _bytes(one), float(one["logprob"])) for one in entry.get("top_logprobs") or ())
    return TokenLogprob(text=_text(entry), data=_bytes(entry), logprob=float(entry["logprob"]), top=top)


def _text(entry: Mapping[str, Any]) -> str:
    return str(entry["token"])


def _bytes(entry: Mapping[str, Any]) -> bytes:
    raw = entry.get("bytes")
    return bytes(raw) if raw else _text(entry).encode("utf-8", "replace")


def whole_characters(text: str) -> str:
    """Halves of characters that came apart are one again; a half that is alone is no character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _whole(kept: Mapping[str, Any], index: int) -> dict[str, Any]:
    """A choice as a reply has it."""
    message = {name: _joined(value) for name, value in kept["message"].items()}
    logprobs = [one for one in kept.get("logprobs", ()) if isinstance(one, Mapping)]
    content = [entry for one in logprobs for entry in _entries(one)]
    told = {"logprobs": {"content": content}} if content else {}
    return {"index": index, "message": message, "finish_reason": kept.get("finish_reason"), **told}


def _entries(logprobs: Mapping[str, Any]) -> list[Any]:
    content = logprobs.get("content")
    if isinstance(content, list):
        return content
    try:
        return list(of_older(logprobs)) if isinstance(logprobs.get("tokens"), list) else []
    except (KeyError, TypeError, ValueError):
        return []


def _joined(value: Any) -> Any:
    """What came bit by bit: texts are one text, lists one list, calls by their numbers."""
    if isinstance(value, dict) and all(isinstance(key, int) for key in value):
        return [value[key] for key in sorted(value)]
    if not isinstance(value, list):
        return value
    if all(isinstance(part, str) for part in value):
        return whole_characters("".join(value))
    flat = [part for parts in value for part in (parts if isinstance(parts, list) else [parts])]
    return flat[-1] if len(flat) == 1 and not isinstance(value[0], list) else flat


def _grow_calls(kept: dict[int, dict[str, Any]], calls: Sequence[Any]) -> None:
    for call in calls:
        if not isinstance(call, Mapping):
            continue
        # Servers that do not number their calls send each in one piece.
        index = call["index"] if isinstance(call.get("index"), int) else len(kept)
        own = kept.setdefault(index, {})
        for name, value in call.items():
            if isinstance(value, Mapping):
                _grow_call(own.setdefault(name, {}), value)
            elif value is not None and name != "index":
                own[name] = value


def _grow_call(kept: dict[str, Any], value: Mapping[str, Any]) -> None:
    for name, part in value.items():
        if name in _OF_CALL and isinstance(part, str):
            kept[name] = kept.get(name, "") + part
        elif part is not None:
            kept[name] = part
