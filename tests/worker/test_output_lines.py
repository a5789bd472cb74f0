from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.worker.lines import LONGEST, Secrets, Splitter

NONE = Secrets({})


def split(*chunks: bytes, secrets: Secrets = NONE) -> list[str]:
    splitter = Splitter(secrets)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.rest()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"no end", ["no end"]),
        (b"\n\n", ["", ""]),
        (b"\x1b[1;32mgreen\x1b[0m and \x1b]8;;http://x\x07a link\x1b]8;;\x07\n", ["green and a link"]),
        (b"\x1b[2K\x1b[1A\x1b[?25lmoved\n", ["moved"]),
        (b"\x1b(Bset\x1b=\n", ["set"]),
        (b"bell\x07 back\x08space\n", ["bell⟨U+0007⟩ back⟨U+0008⟩space"]),
        (b"  0%\r 50%\r100%\n", ["100%"]),
        (b"  0%\r 50%", [" 50%"]),
        (b" 50%\r", [" 50%"]),
        (b"\xff\xfe broken\n", ["�� broken"]),
        ("grün 語 \u202eturned\n".encode(), ["grün 語 ⟨U+202E⟩turned"]),
        (b"nul\x00l\n", ["nul⟨U+0000⟩l"]),
    ],
)
def test_a_line_is_what_a_reader_would_have_seen(said: bytes, kept: list[str]) -> None:
    assert split(said) == kept


def test_progress_that_is_overwritten_for_hours_takes_no_room() -> None:
    splitter = Splitter(NONE)
    for number in range(20_000):
        assert splitter.feed(b"\r%d of 20000 [=====>      ]" % number) == []
        assert len(splitter._open) < 100
    assert splitter.feed(b"\n") == ["19999 of 20000 [=====>      ]"]


def test_a_line_without_an_end_is_cut_and_what_follows_is_whole() -> None:
    splitter = Splitter(NONE)
    told = [line for _ in range(100) for line in splitter.feed(b"x" * 1000)]
    assert len(told) == 1 and told[0].startswith("x" * LONGEST + " ... (")
    assert splitter.feed(b"xxx\nnext\n") == ["next"]
    assert split(b"y" * (LONGEST + 1) + b"\n")[0] == "y" * LONGEST + f" ... ({LONGEST + 1:,} characters)"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.randoms(use_true_random=False))
def test_where_the_stream_is_cut_does_not_matter(data: bytes, draw: random.Random) -> None:
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(4))
    chunks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert split(*chunks) == split(data)


def test_secrets_are_not_kept() -> None:
    secrets = Secrets(
        {
            "OPENAI_API_KEY": "sk-1234567890",
            "HF_TOKEN": "hf_abcdef",
            "PGPASSWORD": "hunter22",
            "AWS_SECRET_ACCESS_KEY": "abc/def+ghi",
            "DEPLOY_KEY": "-----BEGIN-----\nMIIEvQIBADAN\n-----END-----",
            "SSH_AUTH_SOCK": "/run/ssh/agent",
            "AUTHOR": "Anna Ash",
            "API_KEY": "",
            "DEBUG_KEY": "on",
            "KEYBOARD": "German",
        }
    )
    said = b"key sk-1234567890, hf_abcdef hunter22 abc/def+ghi MIIEvQIBADAN /run/ssh/agent Anna Ash on German\n"
    assert split(said, secrets=secrets) == [
        "key [OPENAI_API_KEY], [HF_TOKEN] [PGPASSWORD] [AWS_SECRET_ACCESS_KEY] [DEPLOY_KEY] /run/ssh/agent Anna Ash on German"
    ]
    assert split(b"GET https://anna:geheim@host/v1 and postgresql://rung@host/db\n") == [
        "GET https://anna:[...]@host/v1 and postgresql://rung@host/db"
    ]
    assert split(b"\x1b[1msk-12345\x1b[0m67890\n", secrets=secrets) == ["[OPENAI_API_KEY]"], "escapes within do not hide it"


def test_a_secret_at_the_end_of_a_long_line_is_not_kept_either() -> None:
    secrets = Secrets({"MY_TOKEN": "0123456789"})
    (line,) = split(b"z" * (LONGEST - 5) + b"0123456789\n", secrets=secrets)
    assert "01234" not in line
