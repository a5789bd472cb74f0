"""Whoever opens the database without its triggers and changes it is found, by what was changed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import tampering
from nouns import a_candidate
from old_home import write_old_home

from rung.registry.chain import CLOCK
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence


@pytest.fixture
def tone(registry: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """tone@1 to tone@3, champion moved twice, two persons."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    for number in (1, 2, 3):
        candidate = a_candidate(f"prompt {number}")
        registry.candidates.add(candidate, "t" * 64)
        registry.names.register("tone", candidate.id, Evidence(climb=f"c{number}"))
    registry.keys.me()
    registry.keys.make("bob")
    for number in (1, 2):
        registry.aliases.move("tone", "champion", number, expected=None, kind="promote")
    assert registry.integrity.faults() == []
    return registry


def change(home: Home, *statements: str) -> list[str]:
    with tampering(home.path) as raw:
        for statement in statements:
            assert raw.execute(statement).rowcount, statement
    return home.integrity.faults()


LAST = "(SELECT max(seq) FROM audit)"
TAMPERED = [
    (
        "UPDATE names SET candidate = (SELECT candidate FROM names LIMIT 1) WHERE version = 3",
        "tone@3 in names was changed",
    ),
    ("UPDATE names SET evidence = '{}' WHERE version = 2", "tone@2 in names was changed"),
    ("UPDATE names SET evidence = 'x' WHERE version = 2", "of names was changed: it cannot be read"),
    ("DELETE FROM names WHERE version = 3", "tone@3 is gone from names"),
    (
        "INSERT INTO names SELECT 99, name, 4, candidate, evidence, created FROM names LIMIT 1",
        "tone@4 in names is not in the audit",
    ),
    ("UPDATE alias_moves SET version = 3 WHERE generation = 2", "tone@champion in alias_moves was changed"),
    ("UPDATE alias_moves SET reason = 'it was fine' WHERE generation = 1", "tone@champion in alias_moves was changed"),
    ("DELETE FROM alias_moves WHERE generation = 2", "tone@champion is gone from alias_moves"),
    ("UPDATE identities SET name = 'eve' WHERE name = 'bob'", "eve in identities is not in the audit"),
    ("UPDATE identities SET public = 'ed25519:' || substr(public, 10) WHERE name = 'bob'", "the public key of bob was changed"),
    ("UPDATE audit SET subject = 'tone@9' WHERE seq = 3", "line 3 of the audit (register tone@9) was changed"),
    ("UPDATE audit SET payload = '{}' WHERE seq = 2", "line 2 of the audit (register tone@1) was changed"),
    ("UPDATE audit SET payload = '{' WHERE seq = 2", "line 2 of the audit (register tone@1) was changed: it cannot be read"),
    ("UPDATE audit SET created = '2020' WHERE seq = 4", "says that it is older than the line before"),
    ("DELETE FROM audit WHERE seq = 4", "the audit lacks line 4"),
    (f"DELETE FROM audit WHERE seq = {LAST}", "the audit was cut short"),
    ("UPDATE heads SET digest = (SELECT digest FROM audit WHERE seq = 1) WHERE seq = 2", "does not have the verifier's signature"),
    ("UPDATE heads SET signature = 'AAAA' WHERE seq = 2", "does not have the verifier's signature"),
    ("UPDATE candidates SET fields = replace(fields, 'prompt 1', 'prompt !')", "was changed: its fields have another digest"),
]


@pytest.mark.parametrize(("statement", "words"), TAMPERED, ids=[words for _, words in TAMPERED])
def test_a_tampered_row_is_found_by_name(tone: Home, statement: str, words: str) -> None:
    assert any(words in fault for fault in change(tone, statement)), tone.integrity.faults()


def test_a_last_line_that_is_taken_out_with_its_head_is_missed_by_the_file_beside(tone: Home) -> None:
    faults = change(
        tone, f"DELETE FROM audit WHERE seq = {LAST}", "DELETE FROM heads WHERE seq = (SELECT max(seq) FROM heads)",
        "DELETE FROM alias_moves WHERE generation = 2",
    )  # fmt: skip
    assert len(faults) == 1 and "the audit was cut short: audit.head is of" in faults[0]
    tone.audit.append("note", "", {})
    assert any("the audit was rewritten: audit.head" in fault for fault in tone.integrity.faults()), "going on does not heal it"
    tone.audit.append("note", "", {})
    assert any("the audit was rewritten: audit.head" in fault for fault in tone.integrity.faults())


def test_an_audit_that_is_emptied_with_all_its_heads_is_missed_by_what_it_spoke_of(tone: Home) -> None:
    (tone.path / "audit.head").unlink()
    faults = change(tone, "DELETE FROM audit", "DELETE FROM heads")
    for words in ("tone@1 in names", "tone@champion in alias_moves", "bob in identities", "verifier in identities"):
        assert any(f"{words} is not in the audit" in fault for fault in faults), faults


def test_a_chain_that_is_forged_to_the_end_has_no_signed_head(tone: Home) -> None:
    """Who can compute digests, and has no key."""
    from rung.registry.chain import line_digest

    last = tone.audit.lines()[-1]
    name = line_digest(last.digest, "promote", "tone@blue", {}, last.created)
    values = f"({last.number + 1}, '{last.digest}', 'promote', 'tone@blue', '{{}}', '{name}', '{last.created}')"
    faults = change(tone, f"INSERT INTO audit VALUES {values}")
    assert f"line {last.number + 1} of the audit (promote tone@blue) is under no signed head" in faults


@pytest.mark.parametrize("content", ["", "{}", "x", '{"lines": 3, "digest": "0", "signer": "0", "signature": "0"}'])
def test_a_spoilt_head_beside_the_database_is_found_and_left(tone: Home, content: str) -> None:
    tone.audit.append("note", "", {})
    (tone.path / "audit.head").write_text(content)
    assert any("audit.head" in fault for fault in tone.integrity.faults())
    tone.audit.append("note", "", {})
    assert (tone.path / "audit.head").read_text() == content


def test_a_head_that_is_gone_is_missed_until_the_next_line(tone: Home) -> None:
    (tone.path / "audit.head").unlink()
    assert tone.integrity.faults() == ["audit.head is gone, which says how far the audit goes"]


def test_a_clock_that_goes_back_is_told_and_the_lines_stay_in_order(tone: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.chain.now", lambda: "2001-01-01T00:00:00.000+00:00")
    tone.audit.append("note", "a", {})
    tone.audit.append("note", "b", {})
    lines = tone.audit.lines()
    assert [line.kind for line in lines[-3:]] == [CLOCK, "note", "note"], "it is told once"
    assert sorted(line.created for line in lines) == [line.created for line in lines]
    assert tone.integrity.faults() == []
    assert "to 2001-01-01" in tone.integrity.remarks()[0]
    assert tone.audit.moment() >= lines[-1].created


def test_what_is_not_kept_leaves_no_line_and_no_head(tone: Home) -> None:
    before, beside = tone.audit.lines(), (tone.path / "audit.head").read_bytes()
    with pytest.raises(RuntimeError), tone.together():
        tone.audit.append("note", "", {})
        raise RuntimeError("halfway")
    assert tone.audit.lines() == before
    assert (tone.path / "audit.head").read_bytes() == beside
    tone.audit.append("note", "", {})
    assert tone.integrity.faults() == []


def test_a_home_of_before_enters_the_audit_as_it_is_found(home: Path) -> None:
    write_old_home(home)
    with open_home(write=True) as opened:
        (line,) = opened.audit.lines()
        assert (line.kind, line.subject, line.number) == ("found", "tone@1", 1)
        assert opened.integrity.faults() == [], "nothing is signed yet, and nothing was said to be"
        opened.audit.append("note", "", {})
        assert opened.integrity.faults() == []
        assert change(opened, "UPDATE names SET evidence = '{}'")


WRITER = """
import sys
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.types import Candidate
home = open_home(write=True)
candidate = Candidate(rung="r1_prompt", base="b", prompt="p")
home.candidates.add(candidate, "t")
for number in range(10_000):
    home.names.register("tone", candidate.id, Evidence(climb=f"{sys.argv[1]}-{number}"))
    print(number, flush=True)
"""


def killed(rounds: int, draw: random.Random) -> None:
    for round_ in range(rounds):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, f"{round_}-{who}"], stdout=subprocess.PIPE, text=True) for who in "ab"
        ]
        for writer in writers:
            assert writer.stdout is not None
            for _ in range(draw.randint(1, 12)):
                writer.stdout.readline()
            os.kill(writer.pid, signal.SIGKILL)
        for writer in writers:
            writer.communicate()
        with open_home(write=True) as opened:
            assert opened.integrity.faults() == []
            assert len(opened.names.all()) == sum(line.kind == "register" for line in opened.audit.lines())


def test_kill_9_of_two_writers_leaves_a_chain_that_holds(home: Path) -> None:
    killed(int(os.environ.get("RUNG_KILLS", "2")), random.Random(5))


def test_many_threads_make_one_chain(tone: Home) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def add(number: int) -> None:
        tone.audit.append("note", str(number), {})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(60)))
    assert tone.integrity.faults() == []
    assert {line.subject for line in tone.audit.lines() if line.kind == "note"} == {str(number) for number in range(60)}


def test_a_reader_is_told_the_same_as_a_writer(tone: Home, write: Callable[..., Path]) -> None:
    with open_home() as reader:
        assert reader.integrity.faults() == []
        assert reader.audit.published() is not None
