"""Text becomes the tokens that the model was trained on, and what the tokenizer's keys say is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tiny import CHATML, SENTENCES
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from rung.engine.bases.gguf.cuts import CUTS
from rung.engine.bases.gguf.header import Gguf
from rung.engine.bases.gguf.tokenizer import begin_token, end_tokens, templates_of, tokenizer_of
from rung.errors import UserError
from rung.export.ggufs.tokens import token_keys

SPACE = "\u2581"
SPECIAL = ["<unk>", "<s>", "</s>", "<|user|>"]


def gguf(metadata: Mapping[str, Any], architecture: str = "llama", path: Path = Path("words.gguf")) -> Gguf:
    return Gguf(path=path, metadata={"general.architecture": architecture, **metadata}, tensors={})


def sentencepiece(architecture: str = "llama", **keys: Any) -> Gguf:
    """Characters, all bytes, and pieces of sentences, each with a score of its own."""
    draw = Random(0)
    text = SPACE + SPACE.join(SENTENCES).replace(" ", SPACE)
    letters = sorted({letter for letter in text if letter.isascii() or letter == SPACE} - set("qz"))
    cuts = ((start, start + draw.randrange(2, 7)) for start in (draw.randrange(len(text) - 8) for _ in range(900)))
    pieces = sorted({text[start:end] for start, end in cuts} - set(letters))
    pieces = [piece for piece in pieces if set(piece) <= set(letters)]
    draw.shuffle(pieces)
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters, *pieces]
    kinds = [2, 3, 3, 4] + [6] * 256 + [1] * (len(letters) + len(pieces))
    scores = [0.0] * 260 + [-1e6] * len(letters) + [-float(place) for place in range(len(pieces))]
    made = {"model": "llama", "tokens": tokens, "scores": scores, "token_type": kinds}
    made |= {"bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0, **keys}
    return gguf({f"tokenizer.ggml.{key}": value for key, value in made.items()} | {"tokenizer.chat_template": CHATML}, architecture)


def searched(made: Gguf, text: str) -> list[int]:
    """Sentencepiece's search as it is published: join the neighbours whose whole has the best score, the first of equals."""
    tokens, scores = made.metadata["tokenizer.ggml.tokens"], made.metadata["tokenizer.ggml.scores"]
    kinds = made.metadata["tokenizer.ggml.token_type"]
    value = {token: score for token, score, kind in zip(tokens, scores, kinds, strict=True) if kind == 1}
    parts = list(text.replace(" ", SPACE))
    while pairs := [(value[a + b], -place) for place, (a, b) in enumerate(pairwise(parts)) if a + b in value]:
        place = -max(pairs)[1]
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    ids: list[int] = []
    for part in parts:
        ids += [tokens.index(part)] if part in value else [tokens.index(f"<0x{byte:02X}>") for byte in part.encode()]
    return ids


TEXTS = (*SENTENCES[:6], "  three   spaces ", "déjà vu 日本", "quiz", "a\n\nb\t", "")


@pytest.mark.parametrize("prefixed", [True, False])
def test_sentencepiece_finds_what_its_search_finds(prefixed: bool) -> None:
    made = sentencepiece(**({} if prefixed else {"add_space_prefix": False}))
    tokenizer = tokenizer_of(made)
    for text in TEXTS:
        expected = searched(made, (" " if prefixed and text else "") + text)
        assert tokenizer.encode(text, add_special_tokens=False) == expected, text
        assert tokenizer.decode(expected) == text


def test_a_text_begins_with_the_token_that_the_file_says(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    for keys, begins in (({}, True), ({"add_bos_token": False}, False)):
        tokenizer_of(sentencepiece(**keys)).save_pretrained(tmp_path / str(begins))
        assert (AutoTokenizer.from_pretrained(tmp_path / str(begins)).encode("hello")[0] == 1) is begins


def test_users_tokens_are_whole_and_control_tokens_special() -> None:
    tokenizer = tokenizer_of(sentencepiece())
    assert tokenizer.encode("<|user|>", add_special_tokens=False) == [3]
    assert not tokenizer.added_tokens_decoder[3].special and tokenizer.added_tokens_decoder[2].special


def test_phi_3s_marks_take_the_line_end_along() -> None:
    kinds = [2, 3, 3, 3]
    made = sentencepiece("phi3")
    made.metadata["tokenizer.ggml.token_type"][:4] = kinds
    tokenizer = tokenizer_of(made)
    after = tokenizer.encode("<|user|>\nhello", add_special_tokens=False)
    assert after == tokenizer.encode("<|user|>hello", add_special_tokens=False)
    assert tokenizer.encode("<s>\n", add_special_tokens=False)[1:], "the mark of a text's begin takes nothing along"


def byte_level(tokens: list[str], merges: list[str], special: tuple[str, ...] = (), pre: str = "gpt-2", **keys: Any) -> Gguf:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *tokens, *special]
    kinds = [1] * (len(alphabet) + len(tokens)) + [3] * len(special)
    made = {"model": "gpt2", "pre": pre, "tokens": words, "token_type": kinds, "merges": merges, "eos_token_id": 0, **keys}
    return gguf({f"tokenizer.ggml.{key}": value for key, value in made.items()} | {"tokenizer.chat_template": CHATML})


def test_a_control_token_outside_of_the_bytes_alphabet_is_whole() -> None:
    """DeepSeek's have a wide bar in them."""
    mark = "<｜User｜>"
    tokenizer = tokenizer_of(byte_level(["hi"], ["h i"], (mark,)))
    place = 257
    assert tokenizer.encode(f"{mark}hi", add_special_tokens=False) == [place, 256] and len(tokenizer) == 258


def test_a_word_of_the_list_is_a_token_where_merges_do_not_lead_to_it() -> None:
    """Llama 3's tokenizer takes it whole; Qwen's goes by its merges."""
    whole, merged = (tokenizer_of(byte_level(["ab", "abc"], ["a b"], pre=pre)) for pre in ("llama-bpe", "qwen2"))
    assert len(whole.encode("abc", add_special_tokens=False)) == 1
    assert len(merged.encode("abc", add_special_tokens=False)) == 2


@pytest.mark.parametrize(
    ("pre", "text", "pieces"),
    [
        ("gpt-2", "a 2024, don't", ["a", " 2024", ",", " don", "'t"]),
        ("smollm", "a 2024, DON'T", ["a", " ", "2", "0", "2", "4", ",", " DON", "'", "T"]),
        ("llama-bpe", "a 2024! DON'T\n\nx", ["a", " ", "202", "4", "!", " DON", "'T", "\n\n", "x"]),
        ("qwen2", "a 2024", ["a", " ", "2", "0", "2", "4"]),
        ("tekken", "helloWorld 12/", ["hello", "World", " ", "1", "2", "/"]),
        ("gpt-4o", "isn't 1234/", ["isn't", " ", "123", "4", "/"]),
        ("deepseek-v3", "12345 a日本語b", ["123", "45", " a", "日本語", "b"]),
        ("deepseek-coder", "x1\n(y)", ["x", "1", "\n", "(", "y", ")"]),
    ],
)
def test_words_are_cut_as_the_key_says(pre: str, text: str, pieces: list[str]) -> None:
    core = Tokenizer(BPE())
    CUTS[pre].apply(core)
    found = [text[start:end] for _, (start, end) in core.pre_tokenizer.pre_tokenize_str(text)]
    assert [piece for piece in found if piece] == pieces


def test_qwens_text_is_composed_first() -> None:
    tokenizer = tokenizer_of(byte_level(["hi"], ["h i"], pre="qwen2"))
    assert tokenizer.encode("e\u0301", add_special_tokens=False) == tokenizer.encode("\u00e9", add_special_tokens=False)


def test_ends_of_texts_turns_and_messages_end_an_answer() -> None:
    made = byte_level(["hi"], ["h i"], eot_token_id=3, eom_token_id=4, bos_token_id=5)
    assert end_tokens(made) == [0, 3, 4] and begin_token(made) == 5


def test_several_templates_keep_their_names(tmp_path: Path) -> None:
    made = byte_level(["hi"], ["h i"])
    made = gguf({**made.metadata, "tokenizer.chat_template.tool_use": "{{ tools }}", "tokenizer.chat_templates": ["tool_use"]})
    assert templates_of(made) == {"default": CHATML, "tool_use": "{{ tools }}"}
    tokenizer_of(made).save_pretrained(tmp_path)
    assert (tmp_path / "additional_chat_templates" / "tool_use.jinja").read_text() == "{{ tools }}"
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["eos_token"]


def test_a_template_beside_the_file_is_read_where_it_has_none(tmp_path: Path) -> None:
    bare = {key: value for key, value in byte_level(["hi"], ["h i"]).metadata.items() if key != "tokenizer.chat_template"}
    made = gguf(bare, path=tmp_path / "words.gguf")
    with pytest.raises(UserError, match=r"no chat template[\s\S]*chat_template\.jinja beside"):
        templates_of(made)
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert templates_of(made) == "{{ messages }}"


@pytest.mark.parametrize("made", ["sentencepiece", "without a space before", "bytes", "lone digits"])
def test_a_tokenizer_that_is_written_again_cuts_as_it_did(made: str) -> None:
    kinds = {
        "sentencepiece": sentencepiece,
        "without a space before": lambda: sentencepiece(add_space_prefix=False),
        "bytes": lambda: byte_level(["th", "the"], ["t h", "th e"], ("<|end|>",)),
        "lone digits": lambda: byte_level(["12"], ["1 2"], ("<|end|>",), pre="smollm"),
    }
    first = tokenizer_of(kinds[made]())
    keys = token_keys(first, len(first) + 3, (2,))
    again = tokenizer_of(gguf(keys))
    assert [again.encode(text, add_special_tokens=False) for text in TEXTS] == [
        first.encode(text, add_special_tokens=False) for text in TEXTS
    ]
    assert again.convert_tokens_to_ids(f"[PAD{len(first) + 2}]") == len(first) + 2
    assert keys["tokenizer.ggml.token_type"][-3:] == [5, 5, 5]
    assert again.chat_template == first.chat_template
