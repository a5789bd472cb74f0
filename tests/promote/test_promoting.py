"""A champion stands on a receipt; what does not hold is refused by name, and undone in one move."""

from __future__ import annotations

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from databases import tampering
from shipped import LOCK, none_at_hand, ship

from rung.errors import UserError
from rung.promote.promoting import Promotion, promote, rollback, stood
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.registry.receipts import Receipt
from rung.types import Candidate, Row, Run, Score

# The gate looks at rows in a random order; the second fails where the first does, and on 30 of 100 others.
ORDER = random.Random(1).sample(range(100), 100)
GOOD, WORSE = ([float(place >= failing) for place in ORDER] for failing in (10, 40))


def said(done: Promotion) -> str:
    return "; ".join(f"{condition.name} {condition.holds}: {condition.said}" for condition in done.conditions)


def to_champion(home: Home, ref: str = "tone", **options: object) -> Promotion:
    return promote(home, ref, "champion", load=none_at_hand, **options)  # type: ignore[arg-type]


def champion(home: Home) -> int | None:
    move = home.aliases.at("tone", "champion")
    return move.version if move else None


def test_what_passed_becomes_the_champion_on_its_receipt_and_the_move_is_in_the_audit(registry: Home) -> None:
    version = ship(registry, GOOD)
    done = to_champion(registry)
    assert not done.refused, said(done)
    assert [condition.name for condition in done.conditions] == ["receipt", "champion"]
    move = registry.aliases.at("tone", "champion")
    assert move is not None and (move.version, move.kind) == (1, "promote")
    (receipt,) = registry.receipts.of("tone", 1)
    assert move.receipt == receipt.digest
    assert registry.keys.get(move.by).name == "anna"
    assert [line.kind for line in registry.audit.lines("tone@champion")] == ["promote", "conditions"]
    assert registry.candidates.get("tone@champion").id == version.candidate
    assert registry.integrity.faults() == []
    again = to_champion(registry)
    assert again.standing and not again.refused
    assert len(registry.aliases.history("tone")) == 1


def test_a_version_that_nothing_has_judged_is_not_promoted(registry: Home) -> None:
    candidate = Candidate(rung="imported", base="pip:llm@sha256:00")
    registry.candidates.add(candidate, "")
    registry.names.register("tone", candidate.id, Evidence())
    done = to_champion(registry)
    assert done.refused and "no gate has judged it" in said(done)
    assert champion(registry) is None
    with pytest.raises(UserError, match="no candidate is called 'tune'"):
        to_champion(registry, "tune")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "99" * 32}, "is for the lock 999999999999"),
        ({"climb": "99" * 32}, "is of the climb 999999999999"),
        ({"candidate": "99" * 32}, "its candidate is"),
        ({"base": "pip:llm@sha256:01"}, "its base is pip:llm@sha256:00, the receipt's is pip:llm@sha256:01"),
        ({"template": "82"}, "its template is 81, the receipt's is 82"),
        ({"artefacts": ("ab" * 32,)}, "its blobs is"),
        ({"status": "undecided"}, "undecided"),
    ],
)
def test_a_receipt_for_something_else_does_not_hold(registry: Home, changes: dict[str, object], words: str) -> None:
    ship(registry, GOOD, **changes)
    done = to_champion(registry)
    assert done.refused and words in said(done)


def test_a_guard_that_did_not_pass_is_refused_by_name(registry: Home) -> None:
    ship(registry, GOOD, guard=GOOD)
    (receipt,) = registry.receipts.of("tone")
    red = replace(receipt.document, climb="02" * 32, guards=(replace(receipt.document.guards[0], status="undecided"),))
    ship(registry, GOOD, guard=GOOD, guards=red.guards)
    done = to_champion(registry)
    assert done.refused and "polite not passed" in said(done)


def test_one_changed_byte_of_a_file_is_refused_whatever_the_reason(registry: Home) -> None:
    version = ship(registry, GOOD)
    (digest,) = registry.candidates.get(version.candidate).adapters
    file = registry.blobs.local(digest) / "weights"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"1", b"2"))
    for reason in (None, "the house is on fire"):
        with pytest.raises(UserError, match=f"tone@1 is not what was registered: the blob {digest[:12]} was changed"):
            to_champion(registry, break_glass=reason)
    assert champion(registry) is None


def test_a_changed_byte_of_the_answers_that_were_judged_is_refused(registry: Home) -> None:
    ship(registry, GOOD)
    (receipt,) = registry.receipts.of("tone")
    file = registry.blobs.local(receipt.document.run)
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"0.0", b"1.0", 1))
    done = to_champion(registry)
    assert done.refused and "the answers that were judged" in said(done)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("signature", "'AAAA'", "does not have verifier's signature"),
        ("signer", "'ff'", "signed by a key that this home does not know"),
        ("body", "replace(body, '\"alpha\":0.05', '\"alpha\":0.5')", "was changed: it has another digest"),
        ("signer", "(SELECT fingerprint FROM identities WHERE name = 'anna')", "signed by anna, who is no verifier"),
    ],
)
def test_a_receipt_that_somebody_has_changed_does_not_hold(registry: Home, home: Path, column: str, value: str, words: str) -> None:
    ship(registry, GOOD)
    with tampering(home) as raw:
        raw.execute(f"UPDATE receipts SET {column} = {value}")
    done = to_champion(registry)
    assert done.refused and words in said(done)


def test_what_is_shown_to_be_worse_than_the_champion_is_refused(registry: Home) -> None:
    ship(registry, GOOD, guard=GOOD)
    assert not to_champion(registry).refused
    ship(registry, GOOD, guard=WORSE)
    done = to_champion(registry)
    assert done.refused
    assert "quality +0.0 points on 100 rows: not worse" in said(done)
    assert "polite -30.0 points on 100 rows: worse" in said(done)
    assert champion(registry) == 1
    ship(registry, [1.0] * 100, guard=GOOD)
    assert not to_champion(registry).refused
    assert champion(registry) == 3


def test_a_bar_that_keeps_a_score_low_is_worse_where_it_is_higher(registry: Home) -> None:
    from rung.types import Bar

    bars = (Bar(scorer="exact", at_least=0.5), Bar(scorer="exact", at_most=0.9, name="polite"))
    ship(registry, GOOD, guard=WORSE, bars=bars)
    to_champion(registry)
    ship(registry, GOOD, guard=GOOD, bars=bars)
    done = to_champion(registry)
    assert done.refused and "polite -30.0 points" in said(done)


def test_at_low_consequence_what_cannot_be_compared_is_told_and_above_it_is_refused(registry: Home) -> None:
    ship(registry, GOOD)
    assert not to_champion(registry).refused
    ship(registry, GOOD, lock="11" * 32)
    done = to_champion(registry)
    assert not done.refused and "not compared" in said(done)
    ship(registry, GOOD, lock="22" * 32, consequence="medium")
    done = to_champion(registry)
    assert done.refused and "not compared" in said(done)
    assert "rung eval TASK --candidate tone@champion --split test" in done.set_aside[0].hint


def test_a_guard_that_the_champion_was_never_scored_by_is_not_compared(registry: Home) -> None:
    many = GOOD * 3
    ship(registry, many)
    to_champion(registry)
    ship(registry, many, guard=many, consequence="medium")
    done = to_champion(registry)
    assert done.refused and "not compared: the champion has no polite" in said(done)
    ship(registry, many, guard=many)
    done = to_champion(registry)
    assert not done.refused and "quality +0.0 points" in said(done)


def test_at_medium_consequence_it_must_be_shown_not_to_be_worse(registry: Home) -> None:
    few = [1.0, 0.0] * 5
    ship(registry, few, consequence="medium")
    assert not to_champion(registry).refused, "there is no champion to be worse than"
    ship(registry, few, consequence="medium")
    done = to_champion(registry)
    assert done.refused and "quality +0.0 points on 10 rows: open" in said(done)
    ship(registry, GOOD * 3, consequence="medium", lock="11" * 32)
    to_champion(registry, break_glass="the first of its lock")
    ship(registry, GOOD * 3, consequence="medium", lock="11" * 32)
    done = to_champion(registry)
    assert not done.refused and "not worse by 5 points" in said(done)


def test_a_gate_that_stopped_early_leaves_open_what_so_few_rows_do_not_show(registry: Home) -> None:
    """The rows that were not looked at count: a stop after a lucky beginning is not the end of the rows."""
    ship(registry, GOOD)
    to_champion(registry)
    (receipt,) = registry.receipts.of("tone")
    first = replace(receipt.document.verdict, n_total=5000)
    ship(registry, [1.0] * 40, consequence="medium", verdict=replace(first, n=40))
    done = to_champion(registry)
    assert done.refused and "on 40 rows: open" in said(done)


def test_rows_that_both_answered_beside_the_gate_count_as_well(registry: Home) -> None:
    few, rest = GOOD * 3, GOOD * 3
    for _ in range(2):
        ship(registry, few[:60], consequence="medium")
        done = to_champion(registry)
    assert done.refused and "on 60 rows: open" in said(done)
    for number in (1, 2):
        candidate = registry.candidates.get(f"tone@{number}")
        rows = tuple(replace(run_row(registry, number), example=f"e{index}", scores=scored(rest[index])) for index in range(300))
        registry.runs.add(Run(candidate=candidate.id, task=LOCK, split="test", rows=rows))
    done = to_champion(registry)
    assert not done.refused and "on 300 rows: not worse by 5 points" in said(done)


def run_row(home: Home, version: int) -> Row:
    (receipt,) = home.receipts.of("tone", version)
    return home.runs.get(receipt.document.run).rows[0]


def scored(value: float) -> dict[str, Score]:
    return {"quality": Score(value=value)}


def test_break_glass_promotes_and_the_audit_says_what_did_not_hold(registry: Home) -> None:
    ship(registry, GOOD)
    to_champion(registry)
    ship(registry, WORSE)
    with pytest.raises(UserError, match="a reason is needed"):
        to_champion(registry, break_glass="  ")
    done = to_champion(registry, break_glass="the old one leaks names")
    assert not done.refused
    move = registry.aliases.at("tone", "champion")
    assert move is not None and (move.version, move.kind, move.reason) == (2, "break-glass", "the old one leaks names")
    told = registry.audit.lines("tone@champion")[-1].payload
    assert [one["name"] for one in told["found"] if not one["holds"]] == ["champion"]
    assert registry.integrity.faults() == []


def test_break_glass_where_nothing_is_in_the_way_is_a_promotion_like_any_other(registry: Home) -> None:
    ship(registry, GOOD)
    done = to_champion(registry, break_glass="to be quick")
    assert done.move is not None and done.move.kind == "promote"


def test_an_alias_of_ones_own_asks_for_the_receipt_alone(registry: Home) -> None:
    ship(registry, GOOD)
    ship(registry, WORSE)
    to_champion(registry, "tone@1")
    done = promote(registry, "tone@2", "candidate", load=none_at_hand)
    assert [condition.name for condition in done.conditions] == ["receipt"]
    assert registry.candidates.get("tone@candidate") == registry.candidates.get("tone@2")
    with pytest.raises(UserError, match="cannot be an alias"):
        promote(registry, "tone", "3", load=none_at_hand)


def test_rollback_goes_to_the_champion_before_and_again_to_the_one_before_that(registry: Home) -> None:
    for _ in range(3):
        ship(registry, GOOD)
    with pytest.raises(UserError, match="tone has no champion"):
        rollback(registry, "tone")
    for number in (1, 2, 3):
        to_champion(registry, f"tone@{number}")
    assert (rollback(registry, "tone").version, champion(registry)) == (2, 2)
    assert rollback(registry, "tone").version == 1
    with pytest.raises(UserError, match="tone had no champion before: version 1 was its first"):
        rollback(registry, "tone")
    to_champion(registry, "tone@3")
    move = rollback(registry, "tone")
    assert (move.version, move.kind, move.reason) == (1, "rollback", "from version 3")
    assert move.receipt == registry.receipts.of("tone", 1)[0].digest
    assert [one.version for one in stood(registry.aliases.history("tone", "champion"))] == [1]
    assert registry.integrity.faults() == []


@pytest.mark.parametrize(
    ("name", "words"), [("tone@1", "names a version"), ("tune", "no candidate is called 'tune'"), ("tone", "has no champion")]
)
def test_a_rollback_of_nothing_is_refused(registry: Home, name: str, words: str) -> None:
    ship(registry, GOOD)
    with pytest.raises(UserError, match=words):
        rollback(registry, name)


def test_a_rollback_reads_and_writes_no_file_of_a_version(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        to_champion(registry, ship(registry, GOOD).ref)
    (digest,) = registry.candidates.get("tone@1").adapters
    monkeypatch.setattr(registry.blobs, "is_intact", lambda _digest: pytest.fail("hashed"))
    before = (registry.blobs.local(digest) / "weights").stat()
    rollback(registry, "tone")
    after = (registry.blobs.local(digest) / "weights").stat()
    assert (before.st_mtime_ns, before.st_atime_ns) == (after.st_mtime_ns, after.st_atime_ns)


def test_of_two_promotions_at_once_one_is_made_and_the_other_told(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        ship(registry, GOOD)
    to_champion(registry, "tone@1")
    together = threading.Barrier(2)
    from rung.promote import promoting

    checked = promoting._conditions

    def slow(*given: object) -> object:
        found = checked(*given)  # type: ignore[arg-type]
        together.wait(10)
        return found

    monkeypatch.setattr(promoting, "_conditions", slow)

    def one(ref: str) -> str:
        with open_home(registry.path, write=True) as another:
            try:
                return "refused" if to_champion(another, ref).refused else "made"
            except UserError as error:
                return error.problem

    with ThreadPoolExecutor(2) as pool:
        ends = sorted(pool.map(one, ["tone@2", "tone@3"]))
    assert ends[0] == "made"
    assert "tone@champion was moved meanwhile: to" in ends[1]
    assert len(registry.aliases.history("tone", "champion")) == 2
    assert registry.integrity.faults() == []


def test_a_receipt_covers_what_it_says(registry: Home) -> None:
    version = ship(registry, GOOD)
    candidate = registry.candidates.get(version.candidate)
    (receipt,) = registry.receipts.of("tone", 1)
    assert isinstance(receipt.document, Receipt)
    assert receipt.document.uncovered(candidate) == []
    assert receipt.document.task == LOCK
    assert registry.receipts.add(receipt.document) == receipt.digest, "one of the same climb is not made twice"
