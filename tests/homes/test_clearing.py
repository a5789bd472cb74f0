"""What goes from a home and what never does, while climbs are under way, and when it is killed."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipped import rows_of, ship

from rung.disk import MAKING
from rung.homes.clearing import Plan, Retention, carry_out, plan
from rung.homes.health import health
from rung.progress import Silent
from rung.registry.home import Home, open_home
from rung.types import Answer, Candidate, Run

GOOD = [1.0] * 9 + [0.0]
DAY = 86_400.0


def age(path: Path, days: float) -> None:
    moment = time.time() - days * DAY
    for one in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(one, (moment, moment))


def trial(home: Home, text: str, days: float = 100.0) -> tuple[Candidate, str]:
    """A Candidate that no version is, its adapter's digest; made so many days ago."""
    blob = home.blobs.put_bytes(f"adapter {text}".encode())
    candidate = Candidate(rung="r4_adapter", base="pip:llm@sha256:00", prompt=text, adapters=(blob,))
    home.candidates.add(candidate, "t")
    age(home.blobs.local(blob), days)
    return candidate, blob


def long_ago(home: Home, days: float = 100.0) -> None:
    """As if everything that the history says had been said so many days ago."""
    moment = datetime.fromtimestamp(time.time() - days * DAY, UTC).isoformat(timespec="milliseconds")
    from rung.registry.migrations.triggers import lifted

    names = ("candidates", "runs", "facts", "climbs")
    with home._database.changing() as connection, lifted(connection, names):
        for table in names:
            connection.exec_driver_sql(f"UPDATE {table} SET created = '{moment}'")
        connection.exec_driver_sql(f"UPDATE answers SET kept = '{moment}'")


def looked(home: Home, days: float = 30.0, *, abandoned: bool = False) -> Plan:
    return plan(home, Retention(days=days, abandoned=abandoned), Silent())


def names(planned: Plan, kind: str = "trials") -> set[str]:
    return {item.name for item in planned.items if item.kind == kind}


def sweep(home: Home, days: float = 30.0) -> Plan:
    planned = looked(home, days)
    carry_out(home, planned, Silent())
    assert home.integrity.faults() == []
    assert health(home, Silent(), deep=True).faults == ()
    return planned


def test_trials_go_and_what_versions_need_stays_for_ever(mine: Home) -> None:
    version = ship(mine, GOOD)
    other = mine.runs.add(Run(candidate=version.candidate, task="t", split="dev", rows=rows_of({"quality": [1.0]})))
    candidate, blob = trial(mine, "a trial")
    run = mine.runs.add(Run(candidate=candidate.id, task="t", split="dev", rows=rows_of({"quality": [0.0]})))
    for digest in mine.blobs.all():
        age(mine.blobs.local(digest), 1000)
    long_ago(mine, 1000)
    needed = set(mine.reach.needed())
    assert other in needed and len(needed) == 3
    planned = looked(mine, 0)
    assert names(planned) == {blob, run} and planned.kept == 3
    assert mine.blobs.holds(blob), "a plan removes nothing"
    gone = carry_out(mine, planned, Silent())
    assert (gone.counts["trials"], gone.spared) == (2, 0) and gone.bytes["trials"] == planned.size
    assert set(mine.blobs.all()) == needed
    assert health(mine, Silent(), deep=True).faults == ()
    assert health(mine, Silent()).remarks == (), "what was cleared away is not lost"
    line = mine.audit.lines()[-1]
    assert line.kind == "gc" and line.payload["going"]["trials"]["n"] == 2
    assert set(mine.cleared.when()) == {blob, run}
    assert looked(mine, 0).items == ()


def test_what_is_young_stays_whatever_is_asked(mine: Home) -> None:
    _, young = trial(mine, "young", days=0.5)
    _, weeks = trial(mine, "weeks", days=10)
    long_ago(mine)
    assert names(looked(mine, 0)) == {weeks}
    assert names(looked(mine, 30)) == set()
    _, tomorrow = trial(mine, "of a clock that was set back since", days=-1)
    long_ago(mine)
    assert not {young, tomorrow} & names(looked(mine, 0))


def test_a_climb_that_is_unfinished_or_lately_ended_keeps_its_trials(mine: Home) -> None:
    candidate, blob = trial(mine, "a trial")
    mine.climbs.begin("c1" * 32, form=4, task="t")
    mine.climbs.put("c1" * 32, "built/r4_adapter", {"candidate": candidate.id})
    assert names(looked(mine)) == set()
    long_ago(mine)
    assert names(looked(mine)) == set(), "it can be gone on with"
    assert names(looked(mine, abandoned=True)) == {blob}
    mine.climbs.put("c1" * 32, "document", {"verdict": {}})
    assert names(looked(mine)) == set(), "it has just ended"
    long_ago(mine)
    assert names(looked(mine)) == {blob}
    with mine.leases.take("c1" * 32, "tone"):
        planned = looked(mine)
        assert names(planned) == set() and len(planned.climbing) == 1


def test_answers_that_a_record_names_stay_so_that_it_can_be_told_again(mine: Home) -> None:
    candidate, blob = trial(mine, "a trial")
    of = {"candidate": candidate.id, "task": "t", "split": "dev"}
    told, untold = (mine.runs.add(Run(**of, rows=rows_of({"quality": [score]}))) for score in (0.0, 1.0))
    mine.climbs.begin("c1" * 32, form=4, task="t")
    mine.climbs.put("c1" * 32, "measured/r4_adapter", {"candidate": candidate.id, "dev": {"run": told}})
    mine.climbs.put("c1" * 32, "document", {"verdict": {}})
    for run in (told, untold):
        age(mine.blobs.local(run), 100)
    long_ago(mine)
    assert names(looked(mine)) == {blob, untold}


def test_what_a_climb_under_way_has_put_but_not_named_yet_stays(mine: Home) -> None:
    _, before = trial(mine, "old")
    long_ago(mine)
    with mine.leases.take("c2" * 32, "tone"):
        started = datetime.now(UTC).timestamp() - 3 * DAY
        with mine._database.writing() as connection:
            since = datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds")
            connection.exec_driver_sql(f"UPDATE leases SET since = '{since}'")
        made = mine.blobs.put_bytes(b"a checkpoint of two days ago")
        age(mine.blobs.local(made), 2)
        assert names(looked(mine, 0)) == {before}
        again = mine.blobs.put_bytes(b"adapter old")
        assert again == before and names(looked(mine, 0)) == set(), "whoever stores it again keeps it"
    assert names(looked(mine, 0)) == {made}


def test_what_is_needed_between_the_look_and_the_clearing_stays(mine: Home) -> None:
    blobs = [trial(mine, f"trial {number}")[1] for number in range(3)]
    long_ago(mine)
    planned = looked(mine)
    mine.blobs.put_bytes(b"adapter trial 1")
    gone = carry_out(mine, planned, Silent())
    assert (gone.counts["trials"], gone.spared) == (2, 1)
    assert mine.blobs.all() == [blobs[1]]


def test_what_has_vanished_meanwhile_does_not_hold_the_rest_up(mine: Home) -> None:
    blobs = [trial(mine, f"trial {number}")[1] for number in range(3)]
    long_ago(mine)
    planned = looked(mine)
    mine.blobs.local(blobs[1]).unlink()
    gone = carry_out(mine, planned, Silent())
    assert (gone.counts["trials"], gone.spared) == (2, 1) and mine.blobs.all() == []


def test_a_climb_that_died_long_ago_holds_nothing_up(mine: Home) -> None:
    """Its lease is still written down; on this machine it is known to be dead, and on another one since its signs have stopped."""
    _, blob = trial(mine, "old", days=100)
    long_ago(mine)
    for host in ("this.machine", "another"):
        lease = mine.leases.take("c3" * 32, "tone")
        lease._ended.set()  # no sign of life any more
        with mine._database.writing() as connection:
            stale = "since = '2020-01-01T00:00:00.000+00:00', started = 'then', beat = 0"
            connection.exec_driver_sql(f"UPDATE leases SET {stale}" + (", host = 'another'" if host == "another" else ""))
        planned = looked(mine)
        assert names(planned) == {blob} and planned.climbing == ()
        mine.leases.give_back(lease)


def test_old_answers_of_nothing_registered_go(mine: Home) -> None:
    version = ship(mine, GOOD)
    candidate, _ = trial(mine, "a trial")
    for name in (version.candidate, candidate.id, "5a" * 32):
        mine.answers.store(name, {"e1": Answer(text="yes"), "e2": Answer(text="no")})
    long_ago(mine)
    planned = looked(mine)
    assert names(planned, "answers") == {candidate.id, "5a" * 32}
    mine.answers.store("5a" * 32, {"e3": Answer(text="new")})
    gone = carry_out(mine, planned, Silent())
    assert gone.counts["answers"] == 2
    assert mine.answers.load(candidate.id, ["e1"]) == {}
    assert set(mine.answers.load("5a" * 32, ["e1", "e3"])) == {"e1", "e3"}, "they are in use"
    assert mine.answers.load(version.candidate, ["e1"])


def test_leftovers_of_killed_processes_go_and_nothing_else_of_those_folders(mine: Home) -> None:
    def made(place: str, days: float) -> Path:
        path = mine.path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
        age(path, days)
        return path

    stays = [
        made("downloads/pip/x-1/x.whl", 300),
        made("bases/b/model.safetensors", 300),
        made(f"climbs/{MAKING}{os.getpid()}-a/file", 3),
        made("downloads/hf/young.incomplete", 0.1),
        made("reports/tone.html", 900),
        made("mine.txt", 900),
    ]
    goes = [
        made(f"downloads/pip/{MAKING}999999999-b/part", 3),
        made(f"bases/{MAKING}999999999-c/deep/part", 3),
        made("downloads/hf/blobs/ab.incomplete", 30),
        made("climbs/c9c9c9c9c9c9c9c9/r4_adapter/checkpoint", 60),
    ]
    for path in goes[:2]:
        age(path.parent if path.parent.name.startswith(MAKING) else path.parent.parent, 3)
    age(mine.path / "climbs" / ("c9" * 8), 60)
    planned = sweep(mine)
    assert len(planned.items) == 4 and planned.size == 40
    assert [path for path in goes if path.exists()] == [] and all(path.exists() for path in stays)


def test_the_work_of_an_unfinished_climb_stays(mine: Home) -> None:
    mine.climbs.begin("d1" * 32, form=4, task="t")
    mine.climbs.put("d1" * 32, "lock", {})
    work = mine.path / "climbs" / ("d1" * 8) / "r4_adapter"
    work.mkdir(parents=True)
    (work / "checkpoint").write_bytes(b"x")
    age(work.parent, 60)
    long_ago(mine)
    assert names(looked(mine), "work") == set()
    assert names(looked(mine, abandoned=True), "work") == {f"climbs/{'d1' * 8}"}
    mine.climbs.put("d1" * 32, "document", {})
    assert names(looked(mine), "work") == {f"climbs/{'d1' * 8}"}


@pytest.mark.parametrize("after", range(9) if os.environ.get("RUNG_KILLS") else [2, 5])
def test_killed_at_any_moment_each_blob_is_whole_or_gone_and_the_next_run_goes_on(
    mine: Home, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    ship(mine, GOOD)
    blobs = {trial(mine, f"trial {number}")[1] for number in range(4)}
    long_ago(mine)
    calls = iter(range(after))
    rename = os.rename

    def killed(*given: object) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        rename(*given)  # type: ignore[arg-type]

    planned = looked(mine)
    with monkeypatch.context() as patched:
        patched.setattr("rung.registry.store.os.rename", killed)
        with suppress(KeyboardInterrupt):
            carry_out(mine, planned, Silent())
    mine.close()
    with open_home(write=True) as again:
        assert again.integrity.faults() == []
        sweep(again)
        sweep(again)
        assert not blobs & set(again.blobs.all())


@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 5.0, 50.0, 500.0])),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([0.0, 7.0, 30.0, 400.0]),
)
def test_nothing_that_is_needed_ever_goes(cases: list[tuple[bool, bool, bool, float]], days: float) -> None:
    """Whatever was registered, run, named by a climb, and however old: after clearing away the home is whole."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, open_home(Path(folder) / "home", write=True) as home:
        kept = set()
        for number, (registered, ran, climbing, old) in enumerate(cases):
            candidate, blob = trial(home, f"{number}", days=old)
            if ran:
                home.runs.add(Run(candidate=candidate.id, task="t", split="dev", rows=rows_of({"quality": [float(number)]})))
            if climbing:
                home.climbs.begin(f"{number:02}" * 32, form=4, task="t")
                home.climbs.put(f"{number:02}" * 32, "built", {"candidate": candidate.id})
            if registered:
                from rung.registry.names import Evidence

                home.names.register("tone", candidate.id, Evidence())
            if registered or climbing or old < 1:
                kept.add(blob)
        long_ago(home, 1000)
        sweep(home, days)
        assert kept <= set(home.blobs.all())


def test_in_a_bucket_folders_go_before_their_files_and_shared_files_stay(tmp_path: Path) -> None:
    import itertools

    from rung.registry.bucket import Bucket
    from rung.registry.places import Places

    folders = []
    for number in range(2):
        folder = tmp_path / f"adapter-{number}"
        folder.mkdir()
        (folder / "shared").write_bytes(b"the same in both")
        (folder / "own").write_bytes(f"{number}".encode())
        folders.append(folder)
    with open_home(tmp_path / "home", write=True, places=Places(blobs=f"file://{tmp_path}/bucket")) as home:
        stays, goes = (home.blobs.put_tree(folder) for folder in folders)
        candidates = [
            Candidate(rung="r4_adapter", base="pip:llm@sha256:00", prompt=name, adapters=(name,)) for name in (stays, goes)
        ]
        from rung.registry.names import Evidence

        for candidate in candidates:
            home.candidates.add(candidate, "t")
        home.names.register("tone", candidates[0].id, Evidence())
        for file in itertools.chain((tmp_path / "bucket").rglob("*"), (tmp_path / "home" / "blobs").rglob("*")):
            age(file, 100)
        long_ago(home)
        planned = sweep(home)
        assert planned.of("trials")[0].name == goes and len(planned.of("trials")) == 2
        assert planned.of("copies"), "what lies in the bucket need not lie here"
        assert planned.kept == 3, "a list and two files"
        assert (home.blobs.local(stays) / "shared").read_bytes() == b"the same in both"
        assert not home.blobs.holds(goes) and Bucket(home.places.blobs).is_intact(stays)


def test_a_plan_is_a_document(mine: Home) -> None:
    from dataclasses import asdict

    trial(mine, "a trial")
    long_ago(mine)
    assert json.loads(json.dumps(asdict(looked(mine))))["items"][0]["kind"] == "trials"
