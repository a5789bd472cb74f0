"""Beside rows that say themselves what is what, a column of few values is another task, and named."""

from __future__ import annotations

from rung.propose.profile import look_at


def test_a_category_beside_question_and_answer_is_named(write):
    rows = [
        {
            "instruction": f"What is {i} and {i + 1}?",
            "context": "",
            "response": f"It is {2 * i + 1}, of course, as anybody knows.",
            "category": ["sums", "talk"][i % 2],
            "source": "ab"[i % 2],
            "note": f"n{i}",
        }
        for i in range(60)
    ]
    profile = look_at(write("rows.jsonl", rows))
    assert (profile.shape, profile.columns.named()) == ("alpaca", {})
    told = [inference for inference in profile.inferences if inference.about == "other target"]
    assert [(one.taken, one.change) for one in told] == [("category (2 values) could be the answer instead", "--target category")]
