"""A column of dates as the whole answer is proposed to be read as dates."""

from __future__ import annotations

import pytest

from rung.propose.scorer import kind_of, remarks_on, scorer_for
from rung.types import Example

DAYS = [(day, month) for day in range(1, 29) for month in (1, 4, 9)]


def asked(form: str) -> list[Example]:
    return [
        Example(id=str(n), messages=({"role": "user", "content": f"letter {n}"},), target=form.format(d=d, m=m, t=n % 60))
        for n, (d, m) in enumerate(DAYS)
    ]


@pytest.mark.parametrize(
    ("form", "settings"),
    [
        ("2024-{m:02d}-{d:02d}", {}),
        ("2024-{m:02d}-{d:02d}T15:{t:02d}", {}),
        ("{d:02d}/{m:02d}/2024", {"day_first": True}),
        ("{m}/{d}/2024", {"day_first": False}),
        ("{d}.{m}.2024", {}),
    ],
)
def test_dates(form: str, settings: dict[str, bool]) -> None:
    examples = asked(form)
    kind, _ = kind_of(examples, "due")
    assert kind == "date" and scorer_for(kind, examples) == ("date", settings)
    assert remarks_on(kind, examples) == []


def test_a_column_in_doubt_is_said() -> None:
    examples = [example for example, (day, _) in zip(asked("{d:02d}/{m:02d}/2024"), DAYS, strict=True) if day <= 12]
    kind, _ = kind_of(examples)
    assert scorer_for(kind, examples) == ("date", {"day_first": False})
    assert "taken as the month first" in " ".join(remarks_on(kind, examples))


def test_times_of_day_and_references_that_begin_like_dates_are_none() -> None:
    for form in ("15:{t:02d} {d}", "2024-{m:02d}-{d:02d}/0060"):
        assert kind_of(asked(form))[0] != "date"
