"""What is told while an answer is made: whole characters, no stop, no thought whose text is not known yet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_tokenizer

from rung.engine.caller import Piece
from rung.engine.local.live.telling import Telling
from rung.engine.local.rows import Likely
from rung.engine.local.words import bytes_of_token, text_of_tokens, with_opening

TOKENIZER = tiny_tokenizer()
ENDS = frozenset({TOKENIZER.convert_tokens_to_ids("<|im_end|>")})


def told(ids, *, stops=(), opened="", finish_reason="length", tells=False) -> tuple[str, list[Piece], Telling]:
    pieces: list[Piece] = []
    telling = Telling(TOKENIZER, ENDS, stops=stops, opened=opened, hear=pieces.append)
    for token in ids:
        telling.take([token], [Likely(token=token, logprob=-1.0)] if tells else [])
        if telling.stopped:
            break
    return telling.end("stop" if telling.stopped else finish_reason), pieces, telling


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 511), max_size=30))
def test_pieces_say_the_whole_text_whatever_tokens_are_made(ids: list[int]) -> None:
    """Random bytes among them: characters that are never finished, and special tokens."""
    ids = [token for token in ids if token < len(TOKENIZER)]
    text, pieces, telling = told(ids, tells=True)
    assert text == text_of_tokens(TOKENIZER, ids, ENDS) == "".join(piece.text for piece in pieces)
    assert all(piece.text or piece.tokens for piece in pieces)
    assert len(telling.tokens) == sum(len(piece.tokens) for piece in pieces)
    assert b"".join(token.data for token in telling.tokens).decode("utf-8", "replace") == text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(alphabet="abü€😀 \n", max_size=24), st.lists(st.text(alphabet="abü😀 ", min_size=1, max_size=4), max_size=3))
def test_no_piece_holds_a_part_of_a_stop(text: str, stops: list[str]) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    said, pieces, telling = told(ids, stops=stops, tells=True)
    # The one that is complete first ends it; of those that are complete together, the longest.
    found = sorted((text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text)
    assert said == "".join(piece.text for piece in pieces) == (text[: found[0][1]] if found else text)
    assert telling.stopped == bool(found)
    assert b"".join(token.data for token in telling.tokens).startswith(said.encode())


def test_a_character_of_several_tokens_is_told_once_whole() -> None:
    ids = TOKENIZER.encode("a😀b", add_special_tokens=False)
    _, pieces, _ = told(ids)
    assert "😀" in [piece.text for piece in pieces] and not any("�" in piece.text for piece in pieces)
    assert b"".join(bytes_of_token(TOKENIZER, token) for token in ids) == "a😀b".encode()


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("let me see", "length", "<think>\nlet me see"),
        ("let me see</think>yes", "length", "let me see</think>yes"),
        ("let me see</think>yes", "stop", "let me see</think>yes"),
        ("let me see", "stop", "let me see"),
    ],
)
def test_a_thought_that_the_prompt_opened_is_told_when_its_end_is_known(text: str, finish_reason: str, expected: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    said, pieces, _ = told(ids, opened="<think>\n", finish_reason=finish_reason)
    assert said == "".join(piece.text for piece in pieces) == expected
    assert with_opening("<think>\n", text) == expected or finish_reason == "stop"
    assert len(pieces) > 1 or "</think>" not in text


def test_tokens_behind_a_stop_are_not_taken() -> None:
    ids = TOKENIZER.encode("one. two. three.", add_special_tokens=False)
    telling = Telling(TOKENIZER, ENDS, stops=(".",), opened="", hear=lambda _piece: None)
    taken = telling.take(ids, [])
    assert telling.end("stop") == "one" and taken < len(ids)
