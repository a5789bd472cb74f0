"""exact, choice, contains, regex, overlap."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from scorer_rows import row, rows, scorer, settled, value

from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint
from rung.verify.scorers import overlap


class TestExact:
    @pytest.mark.parametrize(
        ("target", "output", "settings", "right"),
        [
            ("Yes", " Yes\n", {}, 1),
            ("Yes", "yes", {}, 0),
            ("Yes", "yes", {"ignore_case": True}, 1),
            ("a b", "a\n  b", {"ignore_space": True}, 1),
            ("a b", "a\n  b", {}, 0),
            (["Paris", "paris, France"], "paris, France", {"match": "any"}, 1),
            (["Paris", "paris, France"], "Lyon", {"match": "any"}, 0),
            (7, "7", {}, 1),
            ({"a": 1}, '{"a":1}', {}, 1),
            (True, "true", {}, 1),
        ],
    )
    def test_score(self, target: Any, output: str, settings: dict[str, Any], right: int) -> None:
        assert value("exact", target, output, **settings) == right

    def test_empty_list_is_no_target(self) -> None:
        assert scorer("exact").check(row([])) == "the target is an empty list"

    def test_closed_set_needs_many_rows_of_each(self) -> None:
        assert scorer("exact").closed_set(rows(*["a", "b"] * 10)) == ("a", "b")
        assert scorer("exact").closed_set(rows(*["a", "b"] * 9)) is None


class TestChoice:
    @pytest.mark.parametrize(
        ("output", "right"),
        [
            ("positive", 1),
            (" Positive.\n", 1),
            ("**positive**", 1),
            ("The tone is positive!", 1),
            ('{"tone": "positive"}', 1),
            ("negative", 0),
            ("positive or negative", 0),
            ("very positive", 0),
            ("unpositive", 0),
            ("", 0),
        ],
    )
    def test_score(self, output: str, right: int) -> None:
        assert value("choice", "positive", output, choices=["positive", "negative", "very positive"]) == right

    def test_reasons(self) -> None:
        bound = scorer("choice", choices=["a", "b"])
        assert bound.score(row("a"), "b").reason == "expected a"
        assert bound.score(row("a"), "a, b").reason == "names several choices: a, b"
        assert bound.score(row("a"), "?").reason == "names none of the choices; expected a"

    def test_longest_choice_first(self) -> None:
        assert value("choice", "New York City", "It is New York City, I think", choices=["New York", "New York City"]) == 1

    def test_case_may_matter(self) -> None:
        assert value("choice", "US", "us", choices=["US", "us"], ignore_case=False) == 0

    def test_numbers_are_choices_too(self) -> None:
        assert value("choice", 1, "1", choices=[0, 1]) == 1

    def test_frequent_labels_that_differ_in_case_alone_are_two(self) -> None:
        bound = settled("choice", rows(*["US", "us", "may"] * 10, *["May"] * 3))
        assert bound.config.choices == ("May", "US", "may", "us") == bound.closed_set(())
        assert bound.constraint(()) == ChoiceConstraint(choices=("May", "US", "may", "us"))
        assert "Capitals count." in bound.describe(())
        assert "case" not in bound.harmless
        assert bound.score(row("US"), "us").value == 0
        assert bound.score(row("us"), "The label is us.").value == 1
        assert bound.score(row("us"), "Us").value == 0
        assert bound.check(row("Us")) == "the target 'Us' is not one of the choices"

    def test_a_rare_spelling_is_a_slip(self) -> None:
        bound = settled("choice", rows(*["US"] * 100, *["us"] * 4, "May", "may", "may"))
        assert bound.config.choices == ("US", "may")
        assert bound.score(row("us"), "US").value == 1 == bound.score(row("May"), "may").value
        assert "Capitals" not in bound.describe(()) and "case" in bound.harmless

    def test_case_is_asked_to_count(self) -> None:
        assert settled("choice", rows(*["US"] * 100, "us"), ignore_case=False).config.choices == ("US", "us")

    def test_choices_come_from_the_targets_in_their_usual_spelling(self) -> None:
        bound = settled("choice", rows("Yes", "Yes", "yes", "no"))
        assert bound.config.choices == ("Yes", "no")
        assert bound.constraint(()) == ChoiceConstraint(choices=("Yes", "no"))
        assert bound.closed_set(()) == ("Yes", "no")
        assert bound.describe(()) == "Reply with exactly one of these and nothing else: Yes, no."
        assert bound.render("YES") == "Yes"

    def test_free_text_is_refused(self) -> None:
        with pytest.raises(UserError, match="the targets are no closed set: 40 different ones in 50 rows"):
            settled("choice", rows(*[f"text {min(i, 39)}" for i in range(50)]))

    def test_target_outside_the_choices(self) -> None:
        bound = scorer("choice", choices=["positive", "negative"])
        assert bound.check(row("neutral")) == "the target 'neutral' is not one of the choices"
        assert bound.check(row(" ")) == "the target is empty"
        assert bound.check(row("POSITIVE")) is None


class TestContainsWholeWords:
    @pytest.mark.parametrize(
        ("target", "output", "right"),
        [
            ("12", "It weighs 312 g", 0),
            ("12", "It weighs 12.5 g", 0),
            ("12", "It is -12", 0),
            ("12", "1,12", 0),
            ("12", "It takes 10-12 days.", 1),
            ("12", "It weighs 12g", 0),
            ("12 g", "It weighs 12 g.", 1),
            ("man", "a woman", 0),
            ("Paris", "It is Paris's best", 1),
            ("-5", "at −5 degrees", 1),
            ("C++", "written in C++.", 1),
            ("正面", "这条评论是正面的", 1),
        ],
    )
    def test_a_part_of_a_word_or_number_is_not_contained(self, target: str, output: str, right: int) -> None:
        assert value("contains", target, output) == right


class TestContains:
    @pytest.mark.parametrize(
        ("target", "output", "settings", "right"),
        [
            ("Paris", "it is paris.", {}, 1),
            ("Paris", "it is paris.", {"ignore_case": False}, 0),
            (["a1", "b2"], "b2 then a1", {"match": "all"}, 1),
            (["a1", "b2"], "b2", {"match": "all"}, 0),
            (["a1", "b2"], "b2", {"match": "any"}, 1),
            (["a1", "b2"], "c3", {"match": "any"}, 0),
        ],
    )
    def test_score(self, target: Any, output: str, settings: dict[str, Any], right: int) -> None:
        assert value("contains", target, output, **settings) == right

    def test_empty_target_measures_nothing(self) -> None:
        assert scorer("contains").check(row("")) == "the target is empty, so that every answer would contain it"
        assert scorer("contains").check(row([])) is not None


class TestRegex:
    @pytest.mark.parametrize(
        ("target", "output", "settings", "right"),
        [
            ("12", "so #### 12", {"pattern": r"#### (\d+)"}, 1),
            ("because\n#### 12", "#### 11 no #### 12", {"pattern": r"#### (\d+)"}, 1),
            ("12", "#### 13", {"pattern": r"#### (\d+)"}, 0),
            ("12", "12", {"pattern": r"#### (\d+)"}, 0),
            (None, "AB-1234", {"pattern": r"^[A-Z]{2}-\d{4}$"}, 1),
            (None, "ab-1234", {"pattern": r"^[A-Z]{2}-\d{4}$"}, 0),
            (None, "ab-1234", {"pattern": r"^[A-Z]{2}-\d{4}$", "ignore_case": True}, 1),
        ],
    )
    def test_score(self, target: Any, output: str, settings: dict[str, Any], right: int) -> None:
        assert value("regex", target, output, **settings) == right

    def test_bad_patterns(self) -> None:
        with pytest.raises(UserError, match="'pattern' is no regular expression: missing \\)"):
            scorer("regex", pattern="(")
        with pytest.raises(UserError, match="has 2 groups"):
            scorer("regex", pattern="(a)(b)")

    def test_target_must_fit(self) -> None:
        assert scorer("regex", pattern="^a+$").check(row("b")) == "the target does not fit the pattern"
        assert scorer("regex", pattern="^a+$").check(row(None)) is None


class TestOverlap:
    def test_against_the_packages(self) -> None:
        import sacrebleu
        from rouge_score.rouge_scorer import RougeScorer

        target, output = "the quick brown fox jumps over the dog", "the brown fox jumped over a dog"
        for metric in ("rouge1", "rouge2", "rougeL"):
            expected = RougeScorer([metric]).score(target, output)[metric].fmeasure
            assert value("overlap", target, output, measure=metric) == pytest.approx(expected)
        assert value("overlap", target, output, measure="bleu") == pytest.approx(
            sacrebleu.sentence_bleu(output, [target]).score / 100
        )
        assert value("overlap", target, output, measure="chrf") == pytest.approx(
            sacrebleu.sentence_chrf(output, [target]).score / 100
        )

    def test_an_answer_without_a_word_is_nothing(self) -> None:
        for measure in ("f1", "rouge1", "rougeL", "bleu", "chrf"):
            assert value("overlap", "a red house by the sea", " \n", measure=measure) == 0
            assert value("overlap", "a red house by the sea", "a red house by the sea", measure=measure) == pytest.approx(1)

    def test_several_references_against_the_packages(self) -> None:
        import sacrebleu
        from rouge_score.rouge_scorer import RougeScorer

        references = [
            "It is a guide to action that ensures that the military will forever heed Party commands.",
            "It is the guiding principle which guarantees the military forces always being under the command of the Party",
        ]
        said = "It is a guide to action which ensures that the military always obeys the commands of the party."
        for measure, function in (("bleu", sacrebleu.sentence_bleu), ("chrf", sacrebleu.sentence_chrf)):
            expected = function(said, references).score / 100
            assert value("overlap", references, said, measure=measure, match="any") == pytest.approx(expected)
        best = max(RougeScorer(["rouge2"]).score(one, said)["rouge2"].fmeasure for one in references)
        assert value("overlap", references, said, measure="rouge2", match="any") == pytest.approx(best)

    def test_best_reference_counts(self) -> None:
        assert value("overlap", ["a red house", "the blue sea"], "the blue sea", match="any") == 1

    def test_no_common_word(self) -> None:
        assert value("overlap", "a red house", "xyz") == 0

    def test_targets_without_words(self) -> None:
        assert scorer("overlap").check(row("...")) == "the target has no words"
        assert "counts plain Latin letters and digits alone. Try measure: chrf" in (scorer("overlap").check(row("家")) or "")
        assert "too few words" in (scorer("overlap", measure="rouge2").check(row("one")) or "")
        # SQuAD 2.0: of two texts without words one is the other.
        assert scorer("overlap", measure="f1").check(row("the a")) is None

    @pytest.mark.parametrize("measure", ["f1", "rouge1", "rouge2", "rougeL", "bleu", "chrf"])
    @pytest.mark.parametrize(
        "target", ["a", "the", "one two", "天气很好", "สวัสดีครับ", "मौसम अच्छा है", "Héllo wörld", "🙂", " x ", "-", "1"]
    )
    def test_what_passes_its_check_is_right_when_it_is_said(self, measure: str, target: str) -> None:
        bound = scorer("overlap", measure=measure)
        if bound.check(row(target)) is None:
            assert bound.score(row(target), bound.ideal(row(target))).value == pytest.approx(1)

    def test_the_length_is_told_in_what_the_script_has(self) -> None:
        assert "about 8 characters" in scorer("overlap", measure="chrf").describe([row("今天天气非常好。")])
        assert "about 3 words" in scorer("overlap").describe([row("a fine day")])

    def test_letters_that_rouge_does_not_know_are_scored_by_chrf(self) -> None:
        assert overlap.propose("text", [row("今天天气非常好。")]) == {"measure": "chrf"}
        assert overlap.propose("text", [row("Погода хорошая")]) == {"measure": "chrf"}
        assert overlap.propose("text", [row("Das Wetter ist schön heute")]) == {"measure": "rougeL"}

    @pytest.mark.parametrize(("metric", "package"), [("rougeL", "rouge_score"), ("chrf", "sacrebleu")])
    def test_missing_package_says_what_to_install(self, metric: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.startswith(package):
                raise ImportError(name)
            return real(name, *args, **kwargs)

        from rung.verify.scorers import overlap

        overlap._rouge_scorer.cache_clear()
        monkeypatch.setattr(builtins, "__import__", refuse)
        with pytest.raises(BrokenEnvironment, match=r"(?s)needs .* for .*pip install 'rung\[overlap\]'"):
            value("overlap", "some words", "some words", measure=metric)


class TestPython:
    def make(self, folder: Path, body: str, **settings: Any) -> Any:
        (folder / "mine.py").write_text(body, "utf-8")
        bound = scorer("python", function="mine.py#f", **settings).settle((), folder)
        return bound, bound.module.place(bound.config, folder)

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ("return True", (1.0, "")),
            ("return 0.25, 'a quarter'", (0.25, "a quarter")),
            ("return output == example['target'], 'same'", (1.0, "same")),
            ("return None", (None, "the function could not score this answer")),
            ("return False", (0.0, "")),
            ("import numpy; return numpy.bool_(True)", (1.0, "")),
            ("import numpy; return numpy.float32(0.5), 'half'", (0.5, "half")),
            ("raise SystemExit(3)", (None, "SystemExit: 3 (mine.py:2)")),
            ("return [1.0, 'x']", (None, "the function returned list, which is not a bool, a number or None")),
            ("return 'yes'", (None, "the function returned str, which is not a bool, a number or None")),
            ("return 1 / 0", (None, "ZeroDivisionError: division by zero (mine.py:2)")),
        ],
    )
    def test_what_it_may_return(self, body: str, expected: tuple[float | None, str], tmp_path: Path) -> None:
        bound, placed = self.make(tmp_path, f"def f(example, output):\n    {body}\n")
        score = bound.module.score(row("x"), "x", placed)
        assert (score.value, score.reason) == expected

    def test_a_number_beyond_all_bounds_is_missing(self, tmp_path: Path) -> None:
        bound, placed = self.make(tmp_path, "def f(example, output):\n    return 10 ** 400\n")
        score = bound.module.score(row("x"), "x", placed)
        assert score.value is None and score.reason.startswith("OverflowError")

    @pytest.mark.parametrize(("said", "told"), [("3", "3.0"), ("2.0", "2.0"), ("-1", "-1.0"), ("float('nan')", "nan")])
    def test_a_value_out_of_range_is_missing(self, tmp_path: Path, said: str, told: str) -> None:
        _, placed = self.make(tmp_path, f"def f(example, output):\n    return {said}\n")
        score = scorer("python", **placed.model_dump()).score(row("x"), "x")
        assert (score.value, score.reason) == (None, f"the scorer 'python' gave {told}, which is not within 0 and 1")

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("def f(answer):\n    return 1\n", "cannot be called with an example and an answer: too many positional"),
            ("def f(a, b, c):\n    return 1\n", "cannot be called with an example and an answer: missing a required"),
            ("async def f(a, b):\n    return 1\n", "asynchronous or a generator"),
            ("def f(a, b):\n    yield 1\n", "asynchronous or a generator"),
        ],
    )
    def test_a_function_that_cannot_score_is_refused(self, body: str, told: str, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=told):
            self.make(tmp_path, body)

    def test_files_beside_it_can_be_imported(self, tmp_path: Path) -> None:
        (tmp_path / "beside_scorer.py").write_text("LIMIT = 3\n", "utf-8")
        body = "from beside_scorer import LIMIT\ndef f(example, output):\n    return len(output) <= LIMIT\n"
        bound, placed = self.make(tmp_path, body)
        assert bound.module.score(row(None), "abcd", placed).value == 0

    def test_mistakes_show_before_anything_is_spent(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"(?s)mine\.py: there is no function 'f'.*Did you mean 'ff'"):
            self.make(tmp_path, "def ff(example, output):\n    return 1\n")
        with pytest.raises(UserError, match=r"mine\.py:2: NameError: name 'nope' is not defined"):
            self.make(tmp_path, "a = 1\nnope\n")
        with pytest.raises(UserError, match=r"mine\.py:1: SyntaxError"):
            self.make(tmp_path, "def f(:\n")
        with pytest.raises(UserError, match="there is no such file"):
            scorer("python", function="absent.py#f").settle((), tmp_path)
        with pytest.raises(UserError, match=r"write it as file.py#name"):
            scorer("python", function="mine.py")

    def test_a_change_after_the_lock_is_refused(self, tmp_path: Path) -> None:
        bound, placed = self.make(tmp_path, "def f(example, output):\n    return 1\n")
        (tmp_path / "mine.py").write_text("def f(example, output):\n    return 0\n", "utf-8")
        with pytest.raises(UserError, match="this file has changed since the task was locked"):
            bound.module.score(row("x"), "x", placed)
