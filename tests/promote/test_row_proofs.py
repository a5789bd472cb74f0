"""A proof of a row holds by itself, and none that was changed does: whoever has it needs neither the home nor a network."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from locked import a_task, passed, row
from shipped import ship

from rung.errors import UserError
from rung.json_form import as_json
from rung.promote.row_proofs import Shown, check, prove_rows, read_proofs
from rung.registry.home import Home, open_home

ROWS = [row(number, split) for number, split in enumerate(["train"] * 5 + ["dev"] * 2 + ["test"] * 3, 1)]
STRANGER = row(99, "train")


def proof(home: Home, asked: Any = ROWS[0]) -> dict[str, Any]:
    versions = home.names.all()
    document: dict[str, Any] = json.loads(json.dumps(as_json(prove_rows(home, asked.digest, versions, asked))))
    return document


def shown(document: dict[str, Any]) -> list[Shown]:
    return check(read_proofs(document))


def test_a_row_that_was_learnt_from_is_proved_and_one_that_was_not_as_well(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    passed(registry, a_task("other", [row(number + 50, one.split) for number, one in enumerate(ROWS)]), climb="c2" * 32)
    (other, tone) = shown(proof(registry))
    assert (tone.version, tone.within, tone.without) == ("tone@1", ("train",), ())
    assert (other.version, other.within, other.without) == ("other@1", (), ("train", "dev", "test"))
    for one in shown(proof(registry, STRANGER)):
        assert (one.within, one.without) == ((), ("train", "dev", "test"))
    assert [one.within for one in shown(proof(registry, ROWS[-1]))] == [(), ("test",)]
    verifier = registry.keys.verifier().identity.fingerprint
    assert {signer for one in shown(proof(registry)) for signer in one.signers} == {verifier}


def test_a_proof_of_what_is_there_shows_no_other_rows_digest(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    text = json.dumps(proof(registry))
    assert ROWS[0].digest in text
    assert not any(other.digest in text for other in ROWS[1:])
    beside = json.dumps(proof(registry, STRANGER))
    assert 0 < sum(other.digest in beside for other in ROWS) <= 6, "those beside its place in each split, and no more"


def test_a_version_with_a_receipt_is_proved_by_it(registry: Home) -> None:
    from rung.climb.keeping import keep_lock
    from rung.data.digest import data_digests

    task = a_task("tone", ROWS)
    keep_lock(task, registry)
    ship(registry, [1.0] * 3, lock=task.digest, data=data_digests(task.examples))
    document = proof(registry)
    assert document["proofs"][0]["version_said"]["domain"] == "receipt"
    assert shown(document)[0].within == ("train",)


Change = Callable[[dict[str, Any]], object]


def leaf(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["proofs"][0]["leaves"]["train"][0]
    return found


CHANGES: dict[str, Change] = {
    "the row": lambda d: d.update(row=STRANGER.digest),
    "the row in the proof": lambda d: d["proofs"][0].update(row=STRANGER.digest),
    "the row that is given": lambda d: d["said"].__setitem__(1, "bad"),
    "the version": lambda d: d["proofs"][0].update(version="tone@2"),
    "the leaf's digest": lambda d: leaf(d).update(digest=STRANGER.digest),
    "the leaf's salt": lambda d: leaf(d).update(salt="00" * 32),
    "the leaf's place": lambda d: leaf(d).update(index=3 - leaf(d)["index"]),
    "the way": lambda d: leaf(d)["path"].__setitem__(0, "00" * 32),
    "no leaves": lambda d: d["proofs"][0]["leaves"].update(train=[]),
    "another split": lambda d: d["proofs"][0].update(leaves={"dev": d["proofs"][0]["leaves"]["train"]}),
    "no splits": lambda d: d["proofs"][0].update(leaves={}),
    "no versions": lambda d: d.update(proofs=[]),
    "the roots": lambda d: d["proofs"][0]["rows_said"]["line"]["payload"]["trees"]["train"].update(n=6),
    "the line's kind": lambda d: d["proofs"][0]["rows_said"]["line"].update(kind="note"),
    "the head": lambda d: d["proofs"][0]["rows_said"]["document"].update(lines=1),
    "the signature": lambda d: d["proofs"][0]["rows_said"].update(signature="AAAA"),
    "the signer": lambda d: d["proofs"][0]["rows_said"].update(signer="00" * 32),
    "the key": lambda d: d.update(keys={name: "ed25519:" + "A" * 43 + "=" for name in d["keys"]}),
    "no keys": lambda d: d.update(keys={}),
    "the domain": lambda d: d["proofs"][0]["version_said"].update(domain="approval"),
    "no line": lambda d: d["proofs"][0]["rows_said"].update(line=None),
    "the task": lambda d: d["proofs"][0]["version_said"]["line"]["payload"]["evidence"].update(task="00" * 32),
    "one statement for the other": lambda d: d["proofs"][0].update(version_said=d["proofs"][0]["rows_said"]),
    "the form": lambda d: d.update(form=2),
    "a word too many": lambda d: d.update(more=1),
    "a word too few": lambda d: d.pop("row"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The proof of a row, of one version."""
    with open_home(tmp_path_factory.mktemp("made") / "home", write=True) as home:
        passed(home, a_task("tone", ROWS))
        return proof(home)


@pytest.mark.parametrize("change", CHANGES)
def test_a_proof_that_was_changed_does_not_hold(made: dict[str, Any], change: str) -> None:
    assert shown(made)
    spoilt = copy.deepcopy(made)
    CHANGES[change](spoilt)
    with pytest.raises(UserError, match=r"does not hold|no proof of rows|is of no version|has form") as caught:
        shown(spoilt)
    assert caught.value.hint or "does not hold" in caught.value.problem or "no version" in caught.value.problem


def test_a_proof_that_something_is_not_there_needs_every_split(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    document = proof(registry, STRANGER)
    del document["proofs"][0]["leaves"]["train"]
    with pytest.raises(UserError, match="does not say of every split"):
        shown(document)


@pytest.mark.parametrize("document", [None, [], {}, "x", {"form": 1}, {"form": 1, "row": 3, "proofs": [], "keys": {}}])
def test_what_is_no_proof_is_refused(document: Any) -> None:
    with pytest.raises(UserError, match="this is no proof of rows"):
        read_proofs(document)


def test_of_what_nothing_is_kept_nothing_is_proved(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS), keep=False)
    with pytest.raises(UserError, match="nothing is kept of the rows of tone@1"):
        proof(registry)
