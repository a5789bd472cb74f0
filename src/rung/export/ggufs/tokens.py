"""A tokenizer and its chat templates as GGUF's metadata keep them. What llama.cpp would cut otherwise is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rung.engine.bases.gguf.cuts import CUTS, Cut
from rung.errors import UserError
from rung.export.ggufs.family import ANOTHER

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = range(1, 7)
_SPACE = "\u2581"
_LONE_DIGIT = r"\p{N}"
_NAMED = {"bos_token_id": "bos", "eos_token_id": "eos", "unk_token_id": "unknown", "pad_token_id": "padding"}
_MORE_ENDS = ("eot", "eom")
_A_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def token_keys(tokenizer: Any, rows: int, ends: tuple[int, ...]) -> dict[str, Any]:
    """rows  of the embedding, each of which is a token
    ends  all that end an answer

    Raises UserError for a tokenizer of another kind than byte-level or sentencepiece pairs.
    """
    core = _core(tokenizer)
    model = core["model"]
    kind = _cut_of(core) if _is_byte_level(core) else None
    words = _words(core, rows)
    types = _types(core, words)
    made: dict[str, Any] = {"tokenizer.ggml.model": "gpt2" if kind else "llama"}
    if kind:
        made["tokenizer.ggml.pre"] = kind
        made["tokenizer.ggml.merges"] = [_merge(pair) for pair in model["merges"]]
    else:
        made |= {"tokenizer.ggml.pre": "default", "tokenizer.ggml.scores": _scores(words, model["merges"])}
        made |= {"tokenizer.ggml.add_space_prefix": _prefixed(core), "tokenizer.ggml.remove_extra_whitespaces": False}
        words = [word.replace(_SPACE, " ") if of == _USER else word for word, of in zip(words, types, strict=True)]
    made |= {"tokenizer.ggml.tokens": words, "tokenizer.ggml.token_type": types}
    made |= {f"tokenizer.ggml.{key}_token_id": number for key, number in _ids(tokenizer, ends).items()}
    # The template says what begins and ends a text: nothing is to be put there twice.
    made |= {"tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_eos_token": False}
    return made | _templates(tokenizer)


def _core(tokenizer: Any) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise _refused("it is not one of the library 'tokenizers'")
    core: dict[str, Any] = json.loads(backend.to_str())
    if core["model"].get("type", "BPE") != "BPE":
        raise _refused(f"it is of the kind {core['model']['type']}, which joins no pairs")
    return core


def _refused(why: str) -> UserError:
    return UserError(f"the base's tokenizer is not written as GGUF: {why}", hint=ANOTHER)


def _is_byte_level(core: Mapping[str, Any]) -> bool:
    return any(step["type"] == "ByteLevel" for step in _flat(core.get("pre_tokenizer"), "pretokenizers"))


def _flat(step: Mapping[str, Any] | None, within: str) -> Iterator[Mapping[str, Any]]:
    if step is None:
        return
    if step["type"] == "Sequence":
        for inner in step[within]:
            yield from _flat(inner, within)
    else:
        yield step


def _cut_of(core: Mapping[str, Any]) -> str:
    """The name of the way in which words are cut; the first of those that are the same."""
    expressions, words = list[str](), False
    for step in _flat(core["pre_tokenizer"], "pretokenizers"):
        if step["type"] == "ByteLevel" and not step["add_prefix_space"]:
            words = words or bool(step["use_regex"])
        elif step["type"] == "Digits" and step["individual_digits"]:
            expressions.append(_LONE_DIGIT)
        elif step["type"] == "Split" and step["behavior"] == "Isolated" and not step["invert"] and "Regex" in step["pattern"]:
            expressions.append(step["pattern"]["Regex"])
        else:
            raise _refused(f"a step of it ({step['type']}) has no name in llama.cpp")
    normal = [step["type"] for step in _flat(core.get("normalizer"), "normalizers")]
    if normal not in ([], ["NFC"]):
        raise _refused(f"it rewrites texts ({', '.join(normal)}) in a way that has no name in llama.cpp")
    cut = Cut(
        expressions=tuple(expressions), words=words, whole=bool(core["model"].get("ignore_merges")), composed=normal == ["NFC"]
    )
    name = next((name for name, known in CUTS.items() if known == cut), None)
    if name is None:
        raise _refused("the way in which it cuts words has no name in llama.cpp that is known here")
    return name


def _words(core: Mapping[str, Any], rows: int) -> list[str]:
    """By number; rows that no token is of pad the weights."""
    places = dict(core["model"]["vocab"]) | {token["content"]: token["id"] for token in core["added_tokens"]}
    by_number = {number: word for word, number in places.items()}
    if max(by_number) >= rows:
        raise _refused(f"it has the token {by_number[max(by_number)]!r}, which the weights have no row for")
    return [by_number.get(number, f"[PAD{number}]") for number in range(rows)]


def _types(core: Mapping[str, Any], words: list[str]) -> list[int]:
    model, added = core["model"], {token["id"]: token["special"] for token in core["added_tokens"]}
    unknown = None if _is_byte_level(core) else model.get("unk_token")

    def of(number: int, word: str) -> int:
        if word == unknown:
            return _UNKNOWN
        if number in added:
            return _CONTROL if added[number] else _USER
        if model["vocab"].get(word) != number:
            return _UNUSED
        return _BYTE if model.get("byte_fallback") and _A_BYTE.fullmatch(word) else _NORMAL

    return [of(number, word) for number, word in enumerate(words)]


def _merge(pair: Any) -> str:
    return pair if isinstance(pair, str) else " ".join(pair)


def _scores(words: list[str], merges: list[Any]) -> list[float]:
    """llama.cpp joins first what makes the token of the highest score: that of a token is where pairs that make it first stand."""
    first: dict[str, int] = {}
    for place, pair in enumerate(merges):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        first.setdefault(left + right, place)
    last = len(merges)
    return [-float(first.get(word, last)) for word in words]


def _prefixed(core: Mapping[str, Any]) -> bool:
    """Whether a space is put before a text."""
    normal = list(_flat(core.get("normalizer"), "normalizers"))
    before = list(_flat(core.get("pre_tokenizer"), "pretokenizers"))
    known = [*(step["type"] for step in normal), *(step["type"] for step in before)]
    if strange := [kind for kind in known if kind not in ("Prepend", "Replace", "Metaspace", "Split")]:
        raise _refused(f"a step of it ({strange[0]}) has no name in llama.cpp")
    spaces = [step for step in before if step["type"] == "Metaspace"]
    if not spaces and not any(step["type"] == "Replace" and step.get("content") == _SPACE for step in normal):
        raise _refused("it is neither of bytes nor of sentencepiece")
    return any(step["type"] == "Prepend" for step in normal) or any(step.get("prepend_scheme") != "never" for step in spaces)


def _ids(tokenizer: Any, ends: tuple[int, ...]) -> dict[str, int]:
    found = {key: getattr(tokenizer, name, None) for name, key in _NAMED.items()}
    made = {key: number for key, number in found.items() if number is not None}
    others = [number for number in ends if number != made.get("eos")]
    if "eos" not in made and others:
        made["eos"] = others.pop(0)
    return made | dict(zip(_MORE_ENDS, others, strict=False))


def _templates(tokenizer: Any) -> dict[str, Any]:
    told = tokenizer.chat_template
    named = told if isinstance(told, dict) else {"default": told}
    others = {name: text for name, text in named.items() if name != "default"}
    made: dict[str, Any] = {"tokenizer.chat_template": named["default"]} if named.get("default") else {}
    if others:
        made["tokenizer.chat_templates"] = sorted(others)
    return made | {f"tokenizer.chat_template.{name}": text for name, text in sorted(others.items())}
