"""Two homes that meet: what comes, under which number, what speaks for it there, and that it comes once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from databases import tampering
from shipped import none_at_hand, rows_of, ship

from rung.errors import BrokenEnvironment, UserError
from rung.homes.health import health
from rung.homes.meeting import Met, Road, bring, wanted
from rung.line import Serving
from rung.progress import Silent
from rung.promote.promoting import promote
from rung.registry.home import Home, open_home
from rung.registry.looks import Gauge, Gauged, Grant
from rung.registry.names import Evidence
from rung.types import Candidate, Run

GOOD = [1.0] * 90 + [0.0] * 10


def meet(source: Home, target: Home, *refs: str, label: str = "laptop") -> Met:
    met = bring(Road(source=source, target=target, label=label), wanted(source, refs), Silent())
    for home in (source, target):
        assert home.integrity.faults() == []
        assert health(home, Silent()).faults == ()
    return met


def here(met: Met) -> dict[str, str]:
    return {one.there: one.here for one in met.versions}


def trust(home: Home) -> None:
    for other in home.others.all():
        home.others.trust(other.identity.fingerprint)


def test_versions_come_with_their_files_and_keep_their_numbers_where_they_can(mine: Home, team: Home) -> None:
    for _ in range(2):
        ship(mine, GOOD)
    met = meet(mine, team, "tone")
    assert here(met) == {"tone@1": "tone@1", "tone@2": "tone@2"}
    assert all(one.new and one.blobs == 2 and one.receipt == "not trusted" for one in met.versions)
    for ref in ("tone@1", "tone@2"):
        candidate = team.candidates.get(ref)
        assert candidate == mine.candidates.get(ref)
        assert all(team.blobs.is_intact(digest) for digest in candidate.artefacts)
        assert team.runs.of(candidate.id) == mine.runs.of(candidate.id)
    assert [one.origin for one in team.names.all()] == ["laptop:tone@1", "laptop:tone@2"]
    assert mine.names.all()[0].origin == ""


def test_the_same_number_of_two_homes_is_two_versions_and_nothing_there_changes(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    ship(team, GOOD, name="other")
    kept = ship(team, GOOD)
    met = meet(mine, team, "tone@1")
    assert here(met) == {"tone@1": "tone@2"}
    assert team.names.find("tone@1") == kept
    found = team.names.find("tone@2")
    assert found is not None and found.origin == "laptop:tone@1" and found.candidate == mine.names.all()[0].candidate
    trust(team)
    (receipt,) = team.receipts.of("tone", 2)
    assert receipt.holds and receipt.document.ref == "tone@1"
    assert not promote(team, "tone@2", "champion", load=none_at_hand).refused


def test_what_was_brought_is_not_brought_again_whichever_way(mine: Home, team: Home, tmp_path: Path) -> None:
    ship(mine, GOOD)
    ship(team, GOOD, name="other")
    ship(team, GOOD)
    first = meet(mine, team, "tone")
    lines = len(team.audit.lines())
    again = meet(mine, team, "tone")
    assert here(again) == here(first) and not any(one.new or one.blobs for one in again.versions)
    assert len(team.audit.lines()) == lines, "nothing is said twice"
    back = meet(team, mine, "tone", label="team")
    assert here(back) == {"tone@1": "tone@2", "tone@2": "tone@1"}
    assert [one.new for one in back.versions] == [True, False]
    with open_home(tmp_path / "third", write=True) as third:
        assert here(meet(team, third, "tone", label="team")) == {"tone@1": "tone@1", "tone@2": "tone@2"}
        assert not any(one.new for one in meet(mine, third, "tone").versions), "known through another home"
        assert third.names.all()[1].origin == "laptop:tone@1", "where it was registered first"


def test_a_copied_home_that_went_its_own_way_meets_the_first_again(mine: Home, tmp_path: Path) -> None:
    ship(mine, GOOD)
    mine.close()
    shutil.copytree(mine.path, tmp_path / "copy")
    with open_home(write=True) as first, open_home(tmp_path / "copy", write=True) as copy:
        ship(first, GOOD, name="other")
        ship(first, GOOD)
        ship(copy, GOOD)
        met = meet(copy, first, "tone", label="copy")
        assert here(met) == {"tone@1": "tone@1", "tone@2": "tone@3"}
        assert [one.new for one in met.versions] == [False, True]


def test_the_same_climb_in_both_homes_is_one_version(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    ship(team, GOOD)
    met = meet(mine, team, "tone")
    assert here(met) == {"tone@1": "tone@1"} and not met.versions[0].new
    assert len(team.names.all()) == 1 and len(team.receipts.of("tone", 1)) == 1


def test_a_stranger_signs_nothing_here_until_somebody_trusts_the_key(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    met = meet(mine, team, "tone")
    verifier = next(one for one in mine.keys.all() if one.kind == "verifier")
    assert any(verifier.fingerprint[:16] in stranger for stranger in met.strangers)
    (receipt,) = team.receipts.of("tone", 1)
    assert not receipt.holds and receipt.faults == () and f"rung keys trust {verifier.fingerprint[:16]}" in receipt.doubt
    refused = promote(team, "tone@1", "champion", load=none_at_hand)
    assert refused.refused and "not trusted here" in refused.set_aside[0].said
    assert team.others.trust(verifier.fingerprint[:12]).name == "laptop"
    assert team.receipts.of("tone", 1)[0].holds
    assert not promote(team, "tone@1", "champion", load=none_at_hand).refused
    assert team.integrity.faults() == [] and team.integrity.remarks() == []
    with pytest.raises(UserError, match="no key of another home begins with"):
        team.others.trust(verifier.fingerprint)


def test_a_trusted_verifier_signs_no_head_and_no_approval_here(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    meet(mine, team, "tone")
    trust(team)
    with tampering(team.path) as raw:
        last = raw.execute("SELECT lines, digest FROM heads ORDER BY seq DESC").fetchone()
        signature = mine.keys.verifier().sign("head", {"lines": last[0], "digest": last[1]})
        raw.execute(
            "UPDATE heads SET signer = ?, signature = ? WHERE lines = ?",
            [mine.keys.verifier().identity.fingerprint, signature, last[0]],
        )
    assert any("does not have the verifier's signature" in fault for fault in team.integrity.faults())


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE origins SET ref = 'tone@9'", "tone@1 in origins was changed"),
        ("UPDATE origins SET line = 'aa'", "its line has another digest"),
        ('UPDATE origins SET proof = replace(proof, \'"subject":"tone@1"\', \'"subject":"tone@2"\')', "has another digest"),
        ('UPDATE origins SET proof = replace(proof, \'"signature":"\', \'"signature":"A\')', "does not have the signature"),
        ("DELETE FROM origins", "tone@1 is gone from origins"),
        ("UPDATE others SET public = 'ed25519:' || 'AAAA'", "in others was changed"),
    ],
)
def test_a_tampered_origin_is_found(mine: Home, team: Home, statement: str, words: str) -> None:
    ship(mine, GOOD)
    meet(mine, team, "tone")
    with tampering(team.path) as raw:
        raw.execute(statement)
    assert any(words in fault for fault in team.integrity.faults()), team.integrity.faults()


def test_own_aliases_come_where_none_stands_and_champion_where_its_receipt_counts(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    ship(mine, GOOD)
    promote(mine, "tone@2", "champion", load=none_at_hand)
    mine.aliases.move("tone", "blue", 1, expected=0, kind="set")
    met = {one.alias: one for one in meet(mine, team, "tone").aliases}
    assert met["tone@blue"].here == "tone@1" and met["tone@champion"].here == ""
    assert "not promoted here" in met["tone@champion"].said and "not trusted" in met["tone@champion"].said
    trust(team)
    met = {one.alias: one for one in meet(mine, team, "tone").aliases}
    assert met["tone@champion"].here == "tone@2"
    move = team.aliases.at("tone", "champion")
    assert move is not None and move.kind == "promote" and move.receipt
    mine.aliases.move("tone", "blue", 2, expected=1, kind="set")
    promote(mine, "tone@1", "champion", load=none_at_hand)
    met = {one.alias: one for one in meet(mine, team, "tone").aliases}
    assert {(one.here, one.said) for one in met.values()} == {
        ("tone@1", "it stands on tone@1 here, and stays"),
        ("tone@2", "it stands on tone@2 here, and stays"),
    }


def test_an_approval_counts_where_its_approver_is_known(mine: Home, team: Home) -> None:
    from rung.promote.approving import approve

    ship(mine, GOOD, consequence="high")
    bob = mine.keys.make("bob")
    approve(mine, "tone@1", "7d", "bob")
    meet(mine, team, "tone")
    trust_verifier = next(one for one in team.others.all() if one.identity.kind == "verifier")
    team.others.trust(trust_verifier.identity.fingerprint)
    refused = promote(team, "tone@1", "champion", load=none_at_hand)
    assert [one.name for one in refused.set_aside] == ["approval"] and "not trusted here" in refused.set_aside[0].said
    assert team.others.trust(bob.fingerprint[:16]).kind == "person"
    assert not promote(team, "tone@1", "champion", load=none_at_hand).refused


def test_a_changed_blob_does_not_pass_and_leaves_nothing_half_done(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    (digest,) = mine.candidates.get("tone@1").adapters
    file = mine.blobs.local(digest) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"other weights")
    with pytest.raises(BrokenEnvironment, match=f"the blob {digest[:12]} was changed"):
        bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent())
    assert team.names.all() == [] and not team.blobs.holds(digest)


def test_what_was_changed_or_lost_is_brought_anew_when_it_is_asked_to_look(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    meet(mine, team, "tone")
    candidate = team.candidates.get("tone")
    file = team.blobs.local(candidate.adapters[0]) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"other weights")
    team.blobs.local(team.runs.records(candidate.id)[0].blob).unlink()
    road = Road(source=mine, target=team, label="laptop", check=True)
    (one,) = bring(road, wanted(mine, ["tone"]), Silent()).versions
    assert not one.new and one.blobs == 2
    assert health(team, Silent(), deep=True).whole


def test_a_changed_row_of_the_source_does_not_pass(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    with tampering(mine.path) as raw:
        raw.execute("UPDATE candidates SET fields = replace(fields, 'version 1', 'Obey the intruder')")
    with pytest.raises(UserError, match="was changed there"):
        bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent())
    with tampering(mine.path) as raw:
        raw.execute("DELETE FROM audit WHERE kind = 'register'")
    with pytest.raises(UserError, match="is not in the audit of the home that it is in"):
        bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent())
    assert team.names.all() == []


def test_a_receipt_that_was_forged_on_the_way_is_named(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    with tampering(mine.path) as raw:
        raw.execute('UPDATE receipts SET body = replace(body, \'"consequence":"low"\', \'"consequence":"high"\')')
    bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent())
    trust(team)
    (receipt,) = team.receipts.of("tone", 1)
    assert not receipt.holds and "was changed" in receipt.faults[0]


def test_a_killed_push_goes_on(mine: Home, team: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        ship(mine, GOOD)
    for after in (1, 4, 6):
        calls = iter(range(after))
        take, receive = team.blobs.take, team.exchange.unpack

        def killed(*given: object, real: object = None, calls: Iterator[int] = calls) -> object:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(*given)  # type: ignore[operator]

        with monkeypatch.context() as patched:
            patched.setattr(team.blobs, "take", lambda *given, real=take: killed(*given, real=real))
            patched.setattr(team.exchange, "unpack", lambda *given, real=receive: killed(*given, real=real))
            with suppress(KeyboardInterrupt):
                bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent())
        assert team.integrity.faults() == []
        assert health(team, Silent(), deep=True).faults == ()
        assert all(team.receipts.of("tone", one.version) for one in team.names.all())
    meet(mine, team, "tone")
    assert [one.version for one in team.names.all()] == [1, 2, 3]


def test_a_climb_comes_with_its_record_and_its_charges(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    version = ship(mine, GOOD)
    climb, rows = version.evidence.climb, [f"row {number}" for number in range(20)]
    mine.climbs.begin(climb, form=4, task="t")
    mine.climbs.put(climb, "registered", {"version": "tone@2", "candidate": version.candidate, "rung": "r4_adapter"})
    mine.climbs.put(climb, "document", {"version": "tone@2", "verdict": {"winner": version.candidate, "sentence": "It passed."}})
    test = Gauged(gauge=Gauge(key="g", lines=(0.5,)), key="k")
    mine.looks.charge(test, climb, rows, lambda _number: Grant(alpha=0.02, part=0.01))
    mine.looks.add("t", version.candidate, 20, rows)
    for name in ("other", "other", "tone", "tone"):
        ship(team, GOOD, name=name)
    assert here(meet(mine, team, "tone@2")) == {"tone@2": "tone@3"}
    facts = team.climbs.facts(climb)
    assert facts["registered"]["version"] == facts["document"]["version"] == "tone@3"
    standing = team.looks.standing(rows[:5])
    assert (standing.climbs, standing.spent, standing.seen) == (1, 0.02, 5)
    assert team.looks.level(test) == 0.01 and [look.n for look in team.looks.at(rows)] == [20]


def test_what_a_climb_tried_comes_without_what_it_is_made_of(mine: Home, team: Home) -> None:
    version = ship(mine, GOOD)
    blob = mine.blobs.put_bytes(b"an adapter that failed")
    tried = Candidate(rung="r4_adapter", base="pip:llm@sha256:00", prompt="Tried.", adapters=(blob,))
    mine.candidates.add(tried, "t")
    run = mine.runs.add(Run(candidate=tried.id, task="t", split="dev", rows=rows_of({"quality": GOOD})))
    climb = version.evidence.climb
    mine.climbs.begin(climb, form=4, task="t")
    mine.climbs.put(climb, "measured/r4_adapter", {"candidate": tried.id, "dev": {"run": run}})
    mine.climbs.put(climb, "document", {"version": "tone@1", "verdict": {"winner": version.candidate}})
    meet(mine, team, "tone")
    assert team.candidates.get(tried.id) == tried and team.runs.get(run) == mine.runs.get(run)
    assert not team.blobs.holds(blob)
    assert not any(one.new for one in meet(mine, team, "tone").versions)


def test_a_climb_that_came_to_something_else_here_is_said(mine: Home, team: Home) -> None:
    version = ship(mine, GOOD)
    climb = version.evidence.climb
    for home, candidate in ((mine, version.candidate), (team, "ab" * 32)):
        home.climbs.begin(climb, form=4, task="t")
        home.climbs.put(climb, "registered", {"version": "tone@1", "candidate": candidate, "rung": "r4_adapter"})
        home.climbs.put(climb, "document", {"version": "tone@1", "verdict": {"winner": candidate}})
    (one,) = meet(mine, team, "tone").versions
    assert "was made here too" in one.notes[0]
    assert team.climbs.facts(climb)["registered"]["candidate"] == "ab" * 32


def test_parents_and_imports_come_too(mine: Home, team: Home) -> None:
    parent = Candidate(rung="r1_prompt", base="pip:llm@sha256:00", prompt="Parent.")
    child = Candidate(rung="r4_adapter", base="pip:llm@sha256:00", prompt="Child.", parent=parent.id)
    for candidate in (parent, child):
        mine.candidates.add(candidate, "t")
    mine.names.register("mine", child.id, Evidence(claimed="a PEFT adapter"))
    met = meet(mine, team, "mine")
    assert met.versions[0].receipt == "none" and met.strangers
    assert team.candidates.get(parent.id) == parent
    found = team.names.find("mine")
    assert found is not None and found.is_claimed


def test_names_of_all_kinds_are_taken_and_unknown_ones_refused(mine: Home, team: Home) -> None:
    with pytest.raises(UserError, match="nothing is registered there"):
        wanted(mine, [])
    ship(mine, GOOD)
    ship(mine, GOOD, name="mail")
    ship(mine, GOOD)
    mine.aliases.move("tone", "blue", 1, expected=0, kind="set")
    refs = [one.ref for one in wanted(mine, ["tone@blue", "mail", "tone@2", "tone@1"])]
    assert refs == ["mail@1", "tone@1", "tone@2"] == [one.ref for one in wanted(mine, [])]
    with pytest.raises(UserError, match="no candidate is called 'tune'"):
        wanted(mine, ["tune"])


def test_a_gap_is_told_as_one(mine: Home, team: Home) -> None:
    for _ in range(3):
        ship(mine, GOOD)
    assert here(meet(mine, team, "tone@3")) == {"tone@3": "tone@3"}
    assert here(meet(mine, team, "tone@1")) == {"tone@1": "tone@4"}
    with pytest.raises(UserError, match="There are the versions 3 to 4"):
        team.aliases.move("tone", "blue", 2, expected=0, kind="set")


def test_answers_that_were_lost_are_told_and_do_not_hold_a_version_back(mine: Home, team: Home) -> None:
    version = ship(mine, GOOD)
    lost = mine.runs.add(Run(candidate=version.candidate, task="t", split="dev", rows=rows_of({"quality": GOOD})))
    mine.blobs.local(lost).unlink()
    (one,) = bring(Road(source=mine, target=team, label="laptop"), wanted(mine, ["tone"]), Silent()).versions
    assert f"the answers {lost[:12]} of tone@1 are not in the home it comes from" in one.notes[0]
    assert health(team, Silent()).faults == ()


def test_a_team_on_a_server_with_a_bucket(mine: Home, server_team: Home, tmp_path: Path) -> None:
    ship(mine, GOOD)
    ship(mine, GOOD)
    assert here(meet(mine, server_team, "tone")) == {"tone@1": "tone@1", "tone@2": "tone@2"}
    assert not any(one.blobs for one in meet(mine, server_team, "tone").versions)
    trust(server_team)
    assert not promote(server_team, "tone@2", "champion", load=none_at_hand).refused
    with open_home(tmp_path / "new", write=True) as another:
        met = meet(server_team, another, "tone@champion", label="team")
        assert here(met) == {"tone@2": "tone@2"}
        assert [one.home for one in another.others.all()] == ["laptop", "laptop"]
        assert json.loads(json.dumps([one.origin for one in another.names.all()])) == ["laptop:tone@2"]
    assert health(server_team, Silent(), deep=True).faults == ()


def test_what_is_said_of_answers_comes_too_and_changes_nothing_that_is_said_here(mine: Home, team: Home) -> None:
    ship(mine, GOOD)
    subject = mine.names.all()[0].evidence.task or "tone@1"
    mine.serving.put(subject, Serving(retry=2))
    assert not [note for note in meet(mine, team, "tone").versions[0].notes if "on the line" in note]
    rules = team.serving.of(subject)
    assert rules is not None and rules.serving == Serving(retry=2)
    team.serving.put(subject, Serving(retry=3))
    mine.serving.put(subject, Serving(retry=4))
    meet(mine, team, "tone")
    rules = team.serving.of(subject)
    assert rules is not None and rules.serving == Serving(retry=3)
