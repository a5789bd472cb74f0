"""Which versions saw a row: what they learnt from, were chosen and judged by, show, look up, or have beneath them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from locked import a_task, passed, row

from rung.data.digest import text_key, text_keys
from rung.engine.demos import pool_bytes
from rung.parts import Demonstrations
from rung.promote.seen import Seen, Wanted, is_from, look_for, same_place
from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.types import Candidate

pytestmark = pytest.mark.sqlite
SPLITS = ["train"] * 6 + ["dev"] * 3 + ["test"] * 5
ROWS = [row(number, split) for number, split in enumerate(SPLITS, 1)]


def found(seen: Seen) -> list[tuple[str, str, str]]:
    return [(one.version, one.use, one.match) for one in seen.sightings]


def by_digest(number: int) -> Wanted:
    asked = ROWS[number - 1]
    return Wanted(rows=frozenset([asked.digest]), questions=frozenset([asked.question_digest]))


@pytest.mark.parametrize(("number", "use"), [(1, "train"), (6, "train"), (7, "dev"), (10, "test"), (14, "test")])
def test_a_row_is_found_by_its_digest_in_the_split_that_it_was_in(registry: Home, number: int, use: str) -> None:
    passed(registry, a_task("tone", ROWS))
    other = passed(registry, a_task("other", [row(number + 100, split) for number, split in enumerate(SPLITS)]))
    seen = look_for(registry, by_digest(number))
    assert found(seen) == [("tone@1", use, "row")]
    assert seen.sightings[0].places == (f"messages.csv:{number}",)
    assert seen.without == (other.ref,) and seen.unknown == ()


def test_a_row_of_a_later_version_is_not_said_of_the_one_before(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    more = [*ROWS, row(15, "train")]
    passed(registry, a_task("tone", more), climb="c2" * 32)
    seen = look_for(registry, Wanted(rows=frozenset([more[-1].digest])))
    assert found(seen) == [("tone@2", "train", "row")] and seen.without == ("tone@1",)
    assert {one.version for one in look_for(registry, by_digest(1)).sightings} == {"tone@1", "tone@2"}


def test_what_is_alike_is_called_so(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    by_text = Wanted(keys=frozenset([text_key("  THIS is what customer\u00a03 wrote ")]))
    assert found(look_for(registry, by_text)) == [("tone@1", "train", "text")]
    assert found(look_for(registry, Wanted(place="elsewhere/messages.csv:8"))) == []
    assert found(look_for(registry, Wanted(place="tone/messages.csv:8"))) == [("tone@1", "dev", "place")]
    assert found(look_for(registry, Wanted(place="messages.csv:8"))) == [("tone@1", "dev", "place")]
    by_source = look_for(registry, Wanted(source="messages.csv"))
    assert [(one.use, one.n) for one in by_source.sightings] == [("train", 6), ("dev", 3), ("test", 5)]
    assert found(look_for(registry, Wanted(source="other.csv"))) == []


def test_a_label_that_many_rows_share_finds_none_of_them(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    assert found(look_for(registry, Wanted(keys=frozenset([text_key("good")])))) == []


def test_an_import_that_a_task_has_judged_saw_its_test_rows_alone(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS), climb="")
    assert found(look_for(registry, by_digest(10))) == [("tone@1", "test", "row")]
    assert found(look_for(registry, by_digest(1))) == [] == found(look_for(registry, by_digest(7)))


def test_of_what_was_made_elsewhere_or_before_nothing_is_known_and_it_is_said(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS), keep=False)
    candidate = Candidate(rung="imported", base="pip:llm@sha256:00")
    registry.candidates.add(candidate, "")
    registry.names.register("brought", candidate.id, Evidence(claimed="an adapter"))
    seen = look_for(registry, by_digest(1))
    assert (found(seen), seen.without) == ([], ())
    said = {one.version: (one.said, one.mend) for one in seen.unknown}
    assert said["brought@1"][0] == "it was made elsewhere: nothing says from which rows"
    assert said["tone@1"][0] == "it is of before rows were kept by digest"
    assert "Bring tasks/tone/task.yaml and its rows back as they were" in said["tone@1"][1]


def test_a_lock_that_is_gone_from_the_store_is_not_taken_for_a_no(registry: Home) -> None:
    passed(registry, a_task("tone", ROWS))
    (record,) = registry.locks.all()
    place = registry.blobs.local(record.blob)
    place.chmod(0o644)
    place.write_bytes(b"not what it was")
    (unknown,) = look_for(registry, by_digest(1)).unknown
    assert "cannot be read" in unknown.said
    place.unlink()
    (unknown,) = look_for(registry, by_digest(1)).unknown
    assert "the store has no blob" in unknown.said


def test_weights_that_rest_on_those_of_a_version_saw_what_it_learnt(registry: Home) -> None:
    adapter, upper, foreign = (registry.blobs.put_bytes(name) for name in (b"a", b"b", b"f"))
    first = passed(registry, a_task("tone", ROWS, base_adapters=(foreign,)), rung="r4_adapter", adapters=(foreign, adapter))
    rest = [row(number + 100, split) for number, split in enumerate(SPLITS)]
    above = passed(
        registry,
        a_task("short", rest, base_adapters=(foreign, adapter)),
        rung="r4_adapter",
        adapters=(foreign, adapter, upper),
        climb="c2" * 32,
    )
    beside = passed(registry, a_task("beside", [*rest, row(200, "train")], base_adapters=(foreign,)), adapters=(foreign,))
    seen = look_for(registry, by_digest(1))
    assert found(seen) == [(first.ref, "train", "row"), (above.ref, "beneath", "row")] or set(found(seen)) == {
        (first.ref, "train", "row"),
        (above.ref, "beneath", "row"),
    }
    assert next(one for one in seen.sightings if one.use == "beneath").through == first.ref
    assert seen.without == (beside.ref,)
    assert (above.ref, "beneath", "row") not in found(look_for(registry, by_digest(10))), "what judged it is not in its weights"


def test_rows_that_a_rung_left_out_are_told_apart(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.climb.keeping._learnt", lambda _task: {"r4_adapter": [0, 1]})
    passed(registry, a_task("tone", ROWS), rung="r4_adapter")
    assert found(look_for(registry, by_digest(2))) == [("tone@1", "train", "row")]
    assert found(look_for(registry, by_digest(3))) == [("tone@1", "left out", "row")]
    assert found(look_for(registry, by_digest(8))) == [("tone@1", "dev", "row")]


def test_a_version_without_weights_of_its_own_learnt_nothing_but_what_its_prompt_shows(registry: Home) -> None:
    adapter = registry.blobs.put_bytes(b"of another")
    passed(registry, a_task("tone", ROWS, base_adapters=(adapter,)), rung="r1_prompt", adapters=(adapter,))
    assert found(look_for(registry, by_digest(1))) == [("tone@1", "at hand", "row")]
    assert found(look_for(registry, by_digest(8))) == [("tone@1", "dev", "row")]


def test_what_a_prompt_shows_is_found_word_for_word(registry: Home) -> None:
    pool = registry.blobs.put_bytes(pool_bytes(ROWS[:2], lambda one: str(one.target)))
    shown = passed(registry, a_task("tone", ROWS), demonstrations=Demonstrations(pool=pool, k=0, shared=2))
    assert found(look_for(registry, by_digest(2))) == [(shown.ref, "train", "row"), (shown.ref, "demonstration", "row")]
    assert found(look_for(registry, by_digest(3))) == [(shown.ref, "train", "row")]
    holds = look_for(registry, Wanted(holds=lambda text: "customer 2" in text))
    assert found(holds) == [(shown.ref, "demonstration", "text")]
    assert holds.sightings[0].places == ("demonstration 2",)


@pytest.mark.parametrize(
    ("file", "source", "is_it"),
    [
        ("messages.csv", "messages.csv", True),
        ("data/messages.csv", "messages.csv", True),
        ("data/messages.csv", "data", True),
        ("data/messages.csv", "data/", True),
        ("data/messages.csv", "ata", False),
        ("data/messages.csv", "essages.csv", False),
        ("data2/messages.csv", "data", False),
        ("pip:some-data==1.0#rows.csv", "pip:some-data", True),
        ("pip:some-data2#rows.csv", "pip:some-data", False),
    ],
)
def test_a_source_is_a_file_a_folder_or_the_end_of_a_path(file: str, source: str, is_it: bool) -> None:
    assert is_from(file, source) == is_it
    assert same_place(f"{file}:7", f"{source}:7") == is_it
    assert not same_place(f"{file}:7", f"{source}:70")


def test_a_file_that_is_here_is_meant_itself_and_not_one_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rows.csv").write_text("")
    mine, other = str(tmp_path / "mine"), str(tmp_path / "other")
    assert is_from("rows.csv", "mine/rows.csv", mine) and is_from("rows.csv", "mine", mine)
    assert not is_from("rows.csv", "mine/rows.csv", other) and not is_from("rows.csv", "mine", other)
    assert same_place("rows.csv:3", "mine/rows.csv:3", mine) and not same_place("rows.csv:3", "mine/rows.csv:3", other)
    monkeypatch.chdir(tmp_path / "mine")
    assert is_from("rows.csv", "rows.csv", mine) and not is_from("rows.csv", "rows.csv", other)


def test_fields_of_a_row_are_found_by_themselves() -> None:
    asked = row(1, "train", text="name: Erika Muster\nmail: erika@example.com\n\nWhere is my parcel?")
    keys = text_keys(asked)
    for text in ("Erika Muster", "erika@example.com", "mail: ERIKA@example.com", "where is my parcel?"):
        assert text_key(text) in keys
    assert text_key("Muster") not in keys
    long = row(1, "train", text="\n".join(f"line {n}" for n in range(50)))
    assert len(text_keys(long)) == 1
