"""What blank cells were taken for is told."""


def told(load, rows, columns):
    return [finding.message for finding in load("rows.jsonl", rows, columns=columns).findings]


def test_what_is_left_out_of_a_question_is_told_with_its_rows(load):
    rows = [{"title": "t" if n % 3 else "", "body": f"b{n}", "label": "x"} for n in range(9)]
    assert told(load, rows, {"input": ["title", "body"], "target": "label"}) == [
        "what is empty is left out of the question: 'title' in 3 rows"
    ]
    assert told(load, rows, {"input": "body", "target": "label"}) == []
    assert told(load, rows[1:3], {"input": ["title", "body"], "target": "label"}) == []


def test_blanks_that_are_taken_for_not_marked_are_told(load):
    rows = [{"text": f"t{n}", "joy": "x" if n % 2 else "", "fear": "x" if n % 3 else None} for n in range(6)]
    assert told(load, rows, {"input": "text", "target": ["joy", "fear"]}) == [
        "blanks under joy, fear are taken for not marked, since no cell there says no or 0"
    ]
    marked = [{**row, "joy": "no", "fear": row["fear"] or "no"} for row in rows]
    assert told(load, marked, {"input": "text", "target": ["joy", "fear"]}) == []
