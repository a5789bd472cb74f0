"""`rung init` on questions with options whose answers are no letters."""

import json
import random
from pathlib import Path

import pytest

from rung.propose.profile import look_at

WORDS = ["river", "stone", "lamp", "bread", "window", "garden", "engine", "mirror", "basket", "candle"]


def write(path: Path, choices, answer) -> Path:
    rng, lines = random.Random(4), []
    for n in range(120):
        texts, right = rng.sample(WORDS, 4), rng.randrange(4)
        row = {"question": f"What did person number {n} leave in the {rng.choice(WORDS)} house on the hill?"}
        lines.append(json.dumps(row | {"choices": choices(texts, n), "answer": answer(texts, right, n)}))
    path.write_text("\n".join(lines), "utf-8")
    return path


def labels(n: int) -> list[str]:
    return list("ABCD" if n % 10 else "1234")


@pytest.mark.parametrize(
    ("choices", "answer", "names"),
    [
        (lambda texts, n: texts, lambda texts, right, n: texts[right], "letters"),
        (lambda texts, n: str(texts), lambda texts, right, n: texts[right], "letters"),
        (lambda texts, n: {"text": texts, "label": labels(n)}, lambda texts, right, n: labels(n)[right], "letters"),
        (lambda texts, n: {"text": texts, "label": list("ABCD")}, lambda texts, right, n: "ABCD"[right], {}),
    ],
)
def test_the_options_are_shown_and_the_answer_is_a_letter(tmp_path, choices, answer, names):
    profile = look_at(write(tmp_path / "exam.jsonl", choices, answer))
    assert profile.columns.inputs() == ("question", "choices")
    assert (profile.names, sorted(profile.classes), profile.kind) == (names, list("ABCD"), "closed set")
    shown = profile.examples[0].messages[-1]["content"]
    assert all(f"\n{letter}) " in shown for letter in "ABCD")
