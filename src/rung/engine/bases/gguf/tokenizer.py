"""The tokenizer and the chat templates that a GGUF's metadata hold, as transformers keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from rung.engine.bases.gguf.cuts import CUTS
from rung.engine.bases.gguf.header import CONVERT_AGAIN, COPY_AGAIN, Gguf
from rung.engine.bases.gguf.keys import SERVE

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = range(1, 7)
_TEMPLATE = "tokenizer.chat_template"
# Read where the file itself has no template.
TEMPLATE_BESIDE = "chat_template.jinja"
_NAMED = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
_ENDS = ("eos", "eot", "eom")
# Sentencepiece vocabularies whose spaces and merges are like Gemma's: no space before the text, ranks by place.
_LIKE_GEMMA = ("gemma", "gemma2", "gemma3")
_SPACE = "\u2581"
# Phi-3 was published so: the line end after a mark of a turn is part of the mark. The file does not say it; llama.cpp knows it too.
_SWALLOWS = ("phi3",)
_OF_TEXTS = ("<unk>", "<s>", "<|endoftext|>")


def tokenizer_of(gguf: Gguf) -> Any:
    """A transformers tokenizer with its chat templates. Raises UserError for what cannot be rebuilt exactly, by its key."""
    from transformers import PreTrainedTokenizerFast

    tokens = _list(gguf, "tokens", str)
    kinds = _list(gguf, "token_type", int, len(tokens)) or [_NORMAL] * len(tokens)
    core = _core(gguf, tokens, kinds)
    _add_whole(core, tokens, kinds, swallow=gguf.architecture in _SWALLOWS and gguf.metadata.get("tokenizer.ggml.model") == "llama")
    named = {name: tokens[place] for name, key in _NAMED.items() if (place := _id(gguf, key, len(tokens))) is not None}
    model = gguf.metadata.get("tokenizer.ggml.model")
    made: Any = cast(Any, PreTrainedTokenizerFast)(
        tokenizer_object=core,
        add_bos_token=bool(gguf.metadata.get("tokenizer.ggml.add_bos_token", model == "llama")) and "bos_token" in named,
        add_eos_token=bool(gguf.metadata.get("tokenizer.ggml.add_eos_token", False)) and "eos_token" in named,
        clean_up_tokenization_spaces=False,
        **{"bos_token": None, "eos_token": None, **named},
    )
    made.chat_template = templates_of(gguf)
    return made


def end_tokens(gguf: Gguf) -> list[int]:
    """The ids that end an answer: of the text, of a turn, of a message."""
    count = len(gguf.metadata.get("tokenizer.ggml.tokens", ()))
    found = (_id(gguf, key, count) for key in _ENDS)
    return list(dict.fromkeys(place for place in found if place is not None))


def begin_token(gguf: Gguf) -> int | None:
    """The id that begins a text."""
    return _id(gguf, "bos", len(gguf.metadata.get("tokenizer.ggml.tokens", ())))


def templates_of(gguf: Gguf) -> str | dict[str, str]:
    """The chat template; a dict where the file has several, by name."""
    named: dict[str, str] = {}
    for key, value in gguf.metadata.items():
        if key == _TEMPLATE or key.startswith(f"{_TEMPLATE}."):
            if not isinstance(value, str) or not value.strip():
                raise gguf.refusal("the chat template is no text", CONVERT_AGAIN, key=key)
            named[key.removeprefix(_TEMPLATE).removeprefix(".") or "default"] = value
    if not named:
        beside = gguf.path.with_name(TEMPLATE_BESIDE)
        if beside.is_file():
            return beside.read_text("utf-8")
        told = "the file has no chat template, so there is no one way to ask it anything"
        hint = f"Take the model's instruction-tuned (chat) version, or put its {beside.name} beside the file."
        raise gguf.refusal(told, hint, key=_TEMPLATE)
    for name in gguf.metadata.get("tokenizer.chat_templates", ()):
        if name not in named:
            raise gguf.refusal(f"the template '{name}' is announced and missing", CONVERT_AGAIN, key=f"{_TEMPLATE}.{name}")
    return named["default"] if list(named) == ["default"] else named


def _list(gguf: Gguf, name: str, kind: type, length: int | None = None) -> list[Any]:
    """A list of the metadata; empty where it may lack (`length` given) and does. Raises UserError for another length or type."""
    key = f"tokenizer.ggml.{name}"
    values = gguf.metadata.get(key)
    if values is None and length is not None:
        return []
    if not isinstance(values, list) or not values or not all(isinstance(value, kind) for value in values[:1]):
        raise gguf.refusal("the list is missing or of another type", CONVERT_AGAIN, key=key)
    if length is not None and len(values) != length:
        raise gguf.refusal(f"{len(values)} entries for {length} tokens", COPY_AGAIN, key=key)
    return values


def _id(gguf: Gguf, name: str, count: int) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    place = gguf.metadata.get(key)
    if place is None:
        return None
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
        raise gguf.refusal(f"{place!r} is no token of {count}", CONVERT_AGAIN, key=key)
    return place


def _core(gguf: Gguf, tokens: Sequence[str], kinds: Sequence[int]) -> Any:
    model = gguf.metadata.get("tokenizer.ggml.model")
    if model == "gpt2":
        return _byte_level(gguf, tokens)
    if model == "llama":
        return _sentencepiece(gguf, tokens, kinds)
    if model in (None, "none", "no_vocab"):
        raise gguf.refusal("the file has no tokenizer", CONVERT_AGAIN, key="tokenizer.ggml.model")
    told = f"a tokenizer of the kind '{model}' is not rebuilt here; gpt2 (byte-level) and llama (sentencepiece) are"
    raise gguf.refusal(told, SERVE, key="tokenizer.ggml.model")


def _places(gguf: Gguf, tokens: Sequence[str]) -> dict[str, int]:
    places = {token: place for place, token in enumerate(tokens)}
    if len(places) != len(tokens):
        twice = next(token for place, token in enumerate(tokens) if places[token] != place)
        raise gguf.refusal(f"the token {twice!r} stands in it twice", COPY_AGAIN, key="tokenizer.ggml.tokens")
    return places


def _byte_level(gguf: Gguf, tokens: Sequence[str]) -> Any:
    """Pairs of `merges`, the first before the later ones; every token is spelled in the 256 signs of the bytes."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import BPE

    pre = gguf.metadata.get("tokenizer.ggml.pre")
    if not isinstance(pre, str) or pre not in CUTS:
        said = f"'{pre}' is not a way to cut words that is known here" if pre else "the file does not say how words are cut"
        raise gguf.refusal(said, f"{CONVERT_AGAIN} Or: {SERVE}", key="tokenizer.ggml.pre")
    places = _places(gguf, tokens)
    merges = [_pair(gguf, merge, places) for merge in _list(gguf, "merges", str)]
    core = Tokenizer(BPE(vocab=places, merges=merges, ignore_merges=CUTS[pre].whole))
    CUTS[pre].apply(core)
    core.decoder = decoders.ByteLevel()
    return core


def _pair(gguf: Gguf, merge: str, places: Mapping[str, int]) -> tuple[str, str]:
    left, _, right = merge.partition(" ") if not merge.startswith(" ") else (" ", "", merge[2:])
    if left not in places or right not in places or left + right not in places:
        raise gguf.refusal(f"the merge {merge!r} is of no tokens of the list", COPY_AGAIN, key="tokenizer.ggml.merges")
    return left, right


def _sentencepiece(gguf: Gguf, tokens: Sequence[str], kinds: Sequence[int]) -> Any:
    """Pairs by the score of what they make; what no token spells falls back to bytes.

    transformers derives the pairs as llama.cpp's search finds them.
    """
    from tokenizers import Tokenizer, decoders, normalizers
    from tokenizers.models import BPE
    from transformers.tokenization_utils_base import generate_merges

    like_gemma = gguf.architecture in _LIKE_GEMMA
    spelled = [_SPACE * len(token) if like_gemma and token and not token.strip(" ") else token for token in tokens]
    places = _places(gguf, spelled)
    scores = _list(gguf, "scores", float, len(tokens))
    if not scores:
        raise gguf.refusal("the list is missing", CONVERT_AGAIN, key="tokenizer.ggml.scores")
    ranks: dict[str, float] = (
        {token: -place for token, place in places.items()} if like_gemma else dict(zip(spelled, scores, strict=True))
    )
    apart = {token for token, kind in zip(spelled, kinds, strict=True) if kind in (_UNKNOWN, _CONTROL, _BYTE)}
    merges = generate_merges(places, ranks, skip_tokens=apart)
    unknown = next((token for token, kind in zip(spelled, kinds, strict=True) if kind == _UNKNOWN), None)
    core = Tokenizer(
        BPE(vocab=places, merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=_BYTE in kinds, ignore_merges=False)
    )
    prefixed = bool(gguf.metadata.get("tokenizer.ggml.add_space_prefix", not like_gemma))
    replace = normalizers.Replace(" ", _SPACE)
    core.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), replace]) if prefixed else replace
    strip = [decoders.Strip(" ", 1, 0)] if prefixed else []
    core.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip])
    return core


def _add_whole(core: Any, tokens: Sequence[str], kinds: Sequence[int], *, swallow: bool) -> None:
    """Control tokens are special; the user's own are not, and are found whole in a text all the same.

    swallow  a control token takes the white space after it along
    """
    from tokenizers import AddedToken

    known = core.get_vocab()

    def of(kind: int) -> list[AddedToken]:
        found = (token for token, each in zip(tokens, kinds, strict=True) if each == kind and token and token in known)
        special = kind == _CONTROL
        return [
            AddedToken(token, normalized=False, special=special, rstrip=special and swallow and token not in _OF_TEXTS)
            for token in found
        ]

    core.add_special_tokens(of(_CONTROL))
    core.add_tokens(of(_USER))
