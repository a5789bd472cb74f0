"""GGUF files with one thing wrong, each made from a good one: the numbers stay right, or the refusal names the key."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from mutations import Mutation, check_refused_or_right, some
from tiny import make_tiny_model
from tiny_gguf import Draft, Typed, draft_of

from rung.engine.bases.resolve import resolve
from rung.errors import UserError

Change = Callable[[Draft, Random], object]
HEADER = 24  # magic, version and the two counts


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("good") / "model", layers=2)


@lru_cache(maxsize=1)
def good(source: Path) -> Draft:
    return draft_of(source)


SOURCE: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def _known(source: Path) -> None:
    SOURCE[:] = [source]


def drafted(name: str, change: Change, says: str = "", only: str | None = "refused") -> Mutation:
    """A mutation of what is written into the file; by default one that loses something."""

    def apply(path: Path, draw: Random) -> None:
        draft = copy.deepcopy(good(SOURCE[0]))
        change(draft, draw)
        draft.write(path)

    return Mutation(name=name, apply=apply, says=(says,) if says else (), only=only)


def rewritten(name: str, change: Callable[[bytearray, Random], object], says: str = "") -> Mutation:
    """A mutation of the written file's bytes."""

    def apply(path: Path, draw: Random) -> None:
        data = bytearray(good(SOURCE[0]).write(path).read_bytes())
        path.write_bytes(bytes(change(data, draw) or data))

    return Mutation(name=name, apply=apply, says=(says,) if says else (), only="refused")


def key(name: str, value: Any, says: str | None = None, only: str | None = "refused") -> Mutation:
    """Of the metadata, one value is another; None leaves it out."""
    full = name if name.startswith(("general", "tokenizer", "split")) else f"llama.{name}"

    def change(draft: Draft, _draw: Random) -> None:
        draft.metadata[full] = value
        if value is None:
            del draft.metadata[full]

    told = value.value if isinstance(value, Typed) else value
    return drafted(f"{full} = {str(told)[:30]}", change, full if says is None else says, only)


def tensor(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def apply(draft: Draft, _draw: Random) -> None:
        draft.tensors[name] = change(draft.tensors[name])

    return apply


def any_tensor(change: Callable[[Draft, str], object]) -> Change:
    return lambda draft, draw: change(draft, draw.choice(sorted(draft.tensors)))


def _put(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed.flat[7] = value
    return changed


def _tokens(draft: Draft, name: str, change: Callable[[list[Any]], object]) -> None:
    change(draft.metadata[f"tokenizer.ggml.{name}"])


REQUIRED = ("context_length", "embedding_length", "block_count", "attention.head_count", "feed_forward_length")
EPSILON = "attention.layer_norm_rms_epsilon"
METADATA = [
    *(key(name, None) for name in (*REQUIRED, EPSILON)),
    *(key(name, None, only="right") for name in ("rope.freq_base", "vocab_size", "attention.key_length", "rope.dimension_count")),
    key("attention.head_count_kv", None, "attn_k"),
    *(key(name, Typed(-2, "INT32")) for name in ("block_count", "attention.head_count", "context_length")),
    key("embedding_length", "64"),
    key("attention.head_count", 4.0),
    key("attention.head_count", True),
    key("attention.head_count", 5, "head_count_kv"),
    key("attention.head_count", 8, "attn_q"),
    key("attention.head_count_kv", 0),
    key("attention.head_count_kv", [2, 1]),
    key("attention.head_count_kv", [2, 2], only="right"),
    key("attention.head_count_kv", 3),
    key("attention.key_length", 32, "attention.value_length"),
    key("attention.value_length", 8),
    key("block_count", 3, "blk.2."),
    key("block_count", 1, "blk.1."),
    key("embedding_length", 128, "token_embd.weight"),
    key("feed_forward_length", 64, "ffn_"),
    key("vocab_size", 500),
    *(key(EPSILON, value) for value in (float("nan"), -1e-5, 0.0)),
    key("rope.freq_base", 0.0),
    key("rope.freq_base", float("inf")),
    key("rope.dimension_count", 8),
    key("rope.scaling.type", "dynamic"),
    key("rope.scaling.type", "longrope"),
    key("rope.scaling.type", "none", only="right"),
    key("attention.temperature_scale", 0.1),
    key("attention.sliding_window", 16),
    key("attention.sliding_window", 0, only="right"),
    key("logit_scale", 0.5),
    key("pooling_type", 1),
    key("attention.causal", False),
    key("expert_count", 4, "expert_used_count"),
    key("general.architecture", "gizmo"),
    key("general.architecture", "bert"),
    key("general.architecture", "clip"),
    key("general.type", "adapter"),
    key("general.type", "mmproj"),
    key("general.alignment", 48, "general.alignment"),
    key("general.sampling.temp", 0.7, only="right"),
    key("split.count", 3, "split.no"),
]
WEIGHTS = [
    drafted("a tensor is missing", any_tensor(lambda draft, name: draft.tensors.pop(name)), "."),
    drafted("the output norm is missing", lambda draft, _: draft.tensors.pop("output_norm.weight"), "output_norm.weight"),
    drafted(
        "a tensor has another name",
        lambda draft, _: draft.tensors.update({"blk.0.attn_qq.weight": draft.tensors.pop("blk.0.attn_q.weight")}),
        "blk.0.attn_q.weight",
    ),
    drafted("a tensor more", lambda draft, _: draft.tensors.update({"v.patch.weight": np.ones((4, 4), np.float32)}), "v.patch"),
    drafted("a bias of one block", lambda draft, _: draft.tensors.update({"blk.1.attn_q.bias": np.ones(64, np.float32)}), "blk.1."),
    drafted("a bias of a block and no more", lambda draft, _: draft.tensors.update({"blk.0.attn_q.bias": np.ones(64, np.float32)})),
    drafted("a matrix lies on its side", tensor("blk.0.attn_k.weight", lambda array: array.T), "blk.0.attn_k.weight"),
    drafted("a matrix has a row less", tensor("blk.0.ffn_up.weight", lambda array: array[:-1]), "blk.0.ffn_up.weight"),
    drafted("a norm is a matrix", tensor("blk.0.attn_norm.weight", lambda array: array[None]), "blk.0.attn_norm.weight"),
    drafted("a number is none", tensor("blk.1.ffn_down.weight", lambda array: _put(array, np.nan)), "blk.1.ffn_down.weight"),
    drafted("a norm is endless", tensor("blk.1.ffn_norm.weight", lambda array: _put(array, np.inf)), "blk.1.ffn_norm.weight"),
    drafted(
        "a half is endless",
        tensor("blk.1.attn_v.weight", lambda array: _put(array, np.inf).astype(np.float16)),
        "blk.1.attn_v.weight",
    ),
    drafted("whole numbers", tensor("blk.0.attn_v.weight", lambda array: array.astype(np.int32)), "I32"),
    drafted("doubles", tensor("blk.0.attn_v.weight", lambda array: array.astype(np.float64)), only="right"),
    drafted(
        "factors of too many frequencies",
        lambda draft, _: draft.tensors.update({"rope_freqs.weight": np.ones(16, np.float32)}),
        "rope_freqs.weight",
    ),
    drafted("factors of 1", lambda draft, _: draft.tensors.update({"rope_freqs.weight": np.ones(8, np.float32)}), only="right"),
    drafted(
        "a factor below 0",
        lambda draft, _: draft.tensors.update({"rope_freqs.weight": _put(np.ones(8, np.float32), -1.0)}),
        "rope_freqs.weight",
    ),
    drafted(
        "half of longrope", lambda draft, _: draft.tensors.update({"rope_factors_long.weight": np.ones(8, np.float32)}), "long"
    ),
    drafted("no tensors", lambda draft, _: draft.tensors.clear(), "vocabulary"),
]
WORDS = [
    drafted("a token less", lambda draft, _: _tokens(draft, "tokens", lambda words: words.pop()), "tokenizer.ggml.token"),
    drafted(
        "a token twice",
        lambda draft, _: _tokens(draft, "tokens", lambda words: words.__setitem__(9, words[8])),
        "tokenizer.ggml.tokens",
    ),
    drafted("a type less", lambda draft, _: _tokens(draft, "token_type", lambda kinds: kinds.pop()), "tokenizer.ggml.token_type"),
    drafted(
        "a merge of nothing",
        lambda draft, _: _tokens(draft, "merges", lambda merges: merges.append("qq zz")),
        "tokenizer.ggml.merges",
    ),
    *(key(f"tokenizer.ggml.{name}", None) for name in ("merges", "pre", "tokens", "model")),
    key("tokenizer.ggml.token_type", None, only=None),
    key("tokenizer.ggml.pre", "of-tomorrow"),
    *(key("tokenizer.ggml.model", name) for name in ("bert", "t5", "no_vocab")),
    key("tokenizer.ggml.eos_token_id", 4096),
    key("tokenizer.ggml.bos_token_id", Typed(-1, "INT32")),
    key("tokenizer.ggml.eot_token_id", 1.5),
    key("tokenizer.ggml.unknown_token_id", None, only="right"),
    key("tokenizer.chat_template", None),
    key("tokenizer.chat_template", "  "),
    key("tokenizer.chat_template", 7),
    key("tokenizer.chat_template", "{% for message in messages %}"),
    key("tokenizer.chat_templates", ["rag"], "tokenizer.chat_template.rag"),
]


def _bytes(at: int, new: bytes) -> Callable[[bytearray, Random], object]:
    return lambda data, _draw: data.__setitem__(slice(at, at + len(new)), new)


def _again(data: bytearray, _draw: Random) -> bytearray:
    """The first key once more, where the second one stood."""
    (length,) = struct.unpack_from("<Q", data, HEADER)
    first = data[HEADER : HEADER + 8 + length + 4 + 8 + 5]
    return data[:16] + struct.pack("<Q", struct.unpack_from("<Q", data, 16)[0] + 1) + first + data[HEADER:]


FILES = [
    rewritten("nothing in it", lambda data, _: bytearray(b"\n")),
    rewritten("another kind of file", _bytes(0, b"PK\x03\x04"), "not a GGUF"),
    rewritten("from before GGUF", _bytes(0, b"tjgg"), "GGML"),
    rewritten("version 1", _bytes(4, struct.pack("<I", 1)), "version 1"),
    rewritten("version 9", _bytes(4, struct.pack("<I", 9)), "version 9"),
    rewritten("big-endian", _bytes(4, struct.pack(">I", 3)), "big-endian"),
    rewritten("more tensors than there are", _bytes(8, struct.pack("<Q", 2**40))),
    rewritten("more keys than there are", _bytes(16, struct.pack("<Q", 2**40))),
    rewritten("an endless key", _bytes(HEADER, struct.pack("<Q", 2**60)), "cut off"),
    rewritten("a key that is no text", _bytes(HEADER + 8, b"\xff\xfe"), "UTF-8"),
    rewritten("a key twice", _again, "twice"),
    rewritten("cut off in its header", lambda data, draw: data[: draw.randrange(HEADER + 40, 4000)], "cut off"),
    rewritten("cut off in its tensors", lambda data, draw: data[: -draw.randrange(40, 4000)], "cut off"),
    rewritten("something follows", lambda data, _: data + b"x" * 100, "follow"),
    rewritten("an unknown quantisation", lambda data, _: _kind(data, 99), "number 99"),
    rewritten("a quantisation of another size", lambda data, _: _kind(data, 8)),
    rewritten("tensors within each other", lambda data, _: _place(data, 0), "within another"),
    rewritten("a tensor between the steps", lambda data, _: _place(data, 7), "multiple"),
]


def _entry(data: bytearray, name: bytes) -> int:
    """Where the dimensions of a tensor end, which its type and place follow."""
    at = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name)
    (dimensions,) = struct.unpack_from("<I", data, at)
    return at + 4 + 8 * dimensions


def _kind(data: bytearray, kind: int) -> None:
    struct.pack_into("<I", data, _entry(data, b"blk.0.ffn_up.weight"), kind)


def _place(data: bytearray, offset: int) -> None:
    struct.pack_into("<Q", data, _entry(data, b"blk.0.ffn_up.weight") + 4, offset)


@torch.inference_mode()
def logits(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model(torch.arange(40)[None]).logits[0]


@pytest.mark.parametrize("mutation", some([*METADATA, *WEIGHTS, *WORDS, *FILES], 60))
def test_one_thing_wrong(mutation: Mutation, source: Path, tmp_path: Path, home: Path) -> None:
    from transformers import AutoTokenizer

    path = tmp_path / "mutated.gguf"
    mutation(path)

    def act() -> Path:
        folder = resolve(str(path), home).folder
        assert folder
        return folder

    def right(folder: Path) -> None:
        torch.testing.assert_close(logits(folder), logits(source), rtol=0, atol=1e-5)
        old, new = AutoTokenizer.from_pretrained(source), AutoTokenizer.from_pretrained(folder)
        for text in ("The price of 3 tickets, please!", "don't <|im_end|> stop\n\n  now"):
            assert new.encode(text, add_special_tokens=False) == old.encode(text, add_special_tokens=False)

    check_refused_or_right(mutation, act, right, file="mutated.gguf")
    assert not list((home / "bases").glob(".making*")), "nothing half made stays"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rope.freq_base", 500.0, {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
        ("attention.layer_norm_rms_epsilon", 0.5, {"rms_norm_eps": 0.5}),
        ("rope.scale_linear", 4.0, {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}}),
        ("context_length", 64, {"max_position_embeddings": 64}),
    ],
)
def test_another_value_is_another_model(name: str, value: Any, said: Any, source: Path, tmp_path: Path, home: Path) -> None:
    """What the metadata say is what is computed, also where the weights were trained otherwise."""
    draft = copy.deepcopy(good(source))
    draft.metadata[draft.key(name)] = value
    folder = resolve(str(draft.write(tmp_path / "other.gguf")), home).folder
    assert folder
    oracle = make_tiny_model(tmp_path / "oracle", layers=2)
    config = json.loads((oracle / "config.json").read_text())
    (oracle / "config.json").write_text(json.dumps(config | said))
    torch.testing.assert_close(logits(folder), logits(oracle), rtol=0, atol=1e-5)


def _split(draft: Draft, folder: Path, count: int = 3, **said: Any) -> list[Path]:
    names, made = list(draft.tensors), []
    for number in range(count):
        mine = set(names[number::count])
        extra = {"split.no": Typed(number, "UINT16"), "split.count": Typed(count, "UINT16")}
        extra["split.tensors.count"] = Typed(len(names), "INT32")
        part = Draft(architecture="llama", metadata=draft.metadata if number == 0 else {}, tensors=draft.tensors)
        path = folder / f"tiny-{number + 1:05d}-of-{count:05d}.gguf"
        made.append(part.write(path, only=mine.__contains__, extra=extra | said))
    return made


def test_a_split_file_is_whole_whichever_part_is_named(source: Path, tmp_path: Path, home: Path) -> None:
    parts = _split(good(source), tmp_path)
    bases = {resolve(str(part), home).folder for part in parts}
    assert len(bases) == 1
    torch.testing.assert_close(logits(next(iter(bases))), logits(source), rtol=0, atol=1e-5)


@pytest.mark.parametrize("fault", ["missing", "renamed", "lies", "twice"])
def test_a_split_file_that_is_not_whole_names_what_lacks(fault: str, source: Path, tmp_path: Path, home: Path) -> None:
    parts = _split(good(source), tmp_path, **({"split.tensors.count": Typed(99, "INT32")} if fault == "lies" else {}))
    says = {"missing": parts[1].name, "renamed": "part 2 of 3", "lies": "99", "twice": "two of the parts"}[fault]
    if fault == "missing":
        parts[1].unlink()
    if fault == "renamed":
        parts[2].write_bytes(parts[1].read_bytes())
    if fault == "twice":
        first = Draft(architecture="llama", metadata={}, tensors=good(source).tensors)
        extra = {"split.no": Typed(1, "UINT16"), "split.count": Typed(3, "UINT16")}
        first.write(parts[1], extra=extra)
    with pytest.raises(UserError, match=says) as caught:
        resolve(str(parts[0]), home)
    assert caught.value.hint and "tiny-0000" in caught.value.where
