from __future__ import annotations

import pytest
from nouns import a_candidate

from rung.errors import UserError
from rung.registry.home import Home
from rung.registry.moments import read_moment
from rung.registry.names import Evidence


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-03", "2026-11-03T23:59:59.999+00:00"),
        (" 20261103 ", "2026-11-03T23:59:59.999+00:00"),
        ("2026-11-03T14:30", "2026-11-03T14:30:00.000+00:00"),
        ("2026-11-03 14:30:05", "2026-11-03T14:30:05.000+00:00"),
        ("2026-11-03T14:30Z", "2026-11-03T14:30:00.000+00:00"),
        ("2026-11-03T00:30+01:00", "2026-11-02T23:30:00.000+00:00"),
        ("2026-11-03T14:30:05.123+00:00", "2026-11-03T14:30:05.123+00:00"),
    ],
)
def test_a_moment_as_a_person_writes_it(text: str, moment: str) -> None:
    assert read_moment(text) == moment == read_moment(moment)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "03.11.2026", "11/03/2026", "2026-13-01", "2026-02-30", "1762178400", "0001-01-01T00:00+09:00"]
)
def test_what_is_no_moment_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(UserError, match="is no moment") as caught:
        read_moment(text)
    assert "2026-11-03T14:30 (UTC)" in caught.value.hint


def test_what_is_yet_to_come_is_refused_by_the_clock_and_by_the_history(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.timeline.now", lambda: "2026-11-03T12:00:00.000+00:00")
    for text in ("2026-11-03", "2026-11-03T12:00", "2026-11-03T12:30+01:00", "2026-11-02"):
        assert registry.timeline.moment(text) == read_moment(text)
    for text in ("2026-11-04", "2026-11-03T12:01", "2027-11-02"):
        with pytest.raises(UserError, match="is yet to come"):
            registry.timeline.moment(text)
    monkeypatch.setattr("rung.registry.names.now", lambda: "2026-11-20T12:00:00.000+00:00")
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.names.register("tone", candidate.id, Evidence())
    assert registry.timeline.moment("2026-11-20T12:00") == "2026-11-20T12:00:00.000+00:00", "written by a clock that was ahead"


def test_entries_of_a_clock_that_had_gone_back_are_counted_where_they_matter(
    registry: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, minute in enumerate((30, 10, 20, 40)):
        monkeypatch.setattr("rung.registry.names.now", lambda minute=minute: f"2026-11-03T10:{minute}:00.000+00:00")
        candidate = a_candidate(str(number))
        registry.candidates.add(candidate, "t" * 64)
        registry.names.register("tone", candidate.id, Evidence())
    late = {minute: registry.timeline.late(f"2026-11-03T10:{minute:02}:00.000+00:00") for minute in (5, 10, 15, 20, 25, 30, 45)}
    assert late == {5: 0, 10: 1, 15: 1, 20: 2, 25: 2, 30: 0, 45: 0}
