"""How much of the target's wording the answer has: F1 of words, ROUGE, BLEU or chrF, from 0 to 1.

`f1` is SQuAD's (`rung.verify.squad`), ROUGE the F-measure of `rouge-score` (Lin, 2004); BLEU and chrF are sentence scores of
`sacrebleu` (Post, 2018) divided by 100: a mean of them over rows is not the corpus score that papers give. ROUGE as that package
has it counts Latin letters and digits alone. An answer without a word is 0. Where targets are lists of texts `match` says what they
mean: with `any` they are several references, of which the best counts for F1 and ROUGE, all together for BLEU and chrF; with
`in_order` they are the lines of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel

from rung.data.script import ascii_share, is_spaceless
from rung.errors import BrokenEnvironment
from rung.types import Example, Score
from rung.verify.parse import as_texts
from rung.verify.scoring import missing_target
from rung.verify.squad import squad_f1

PROPOSED: dict[str, dict[str, object]] = {"text": {"measure": "rougeL"}, "references": {"measure": "rougeL", "match": "any"}}
NEEDS = ("rouge_score", "pip install 'rung[overlap]'")
SEEN_ROWS = 200
_ROUGE_WORD = re.compile(r"[a-z0-9]+")
LISTS = {
    "match: any": "several references: any one of them",
    "match: in_order": "the lines of one reference",
    "scorer: contains, match: all": "all of them must be there word for word, in place of this scorer",
}
WHOLE_LISTS = ("any", "in_order")
CHECKED = True
LATIN = 0.8  # share of plain Latin letters below which ROUGE, which knows no others, would not see what is said


class Config(BaseModel, extra="forbid", frozen=True):
    """`measure`: which of them. `stem`: for ROUGE, compare English words by their stems. `match`: what a list means."""

    measure: Literal["f1", "rouge1", "rouge2", "rougeL", "bleu", "chrf"] = "rougeL"
    stem: bool = False
    match: Literal["any", "in_order"] | None = None


def propose(kind: str, examples: Sequence[Example]) -> dict[str, object]:
    """chrF, which compares letters, where the targets are written in other letters than ROUGE knows."""
    texts = [text for row in examples[:SEEN_ROWS] if row.target is not None for text in as_texts(row.target)]
    return {**PROPOSED[kind], **({} if ascii_share(texts) >= LATIN else {"measure": "chrf"})}


def because(settings: Mapping[str, object]) -> str:
    """Why chrF."""
    rare = "most of their letters are not among those that ROUGE knows (plain Latin ones), and chrF compares whatever is written"
    return rare if settings.get("measure") == "chrf" else ""


def accepts(config: Config) -> Mapping[str, str]:
    """Any reference of several."""
    several = "a list gives several references, and the answer may follow any of them"
    return {"item dropped": several, "items reordered": several, "item added": several}


def harmless(config: Config) -> tuple[str, ...]:
    """Capitals, where the measure does not look at them."""
    return () if config.measure in ("bleu", "chrf") else ("case",)


def score(example: Example, output: str, config: Config) -> Score:
    """The measure's value. Raises BrokenEnvironment where its package is missing."""
    references = _references(example.target, config)
    value = _value(output, references, config) if output.strip() else 0.0
    return Score(value=min(1.0, max(0.0, value)), reason=f"{config.measure} {value:.2f}")


def render(target: Any, config: Config) -> str:
    """The first reference."""
    return _references(target, config)[0]


def check(example: Example, config: Config) -> str | None:
    """The target must have what the measure counts; also says early that the package is missing."""
    if problem := missing_target(example):
        return problem
    texts = _references(example.target, config) if example.target != () else []
    counted = r"\S" if config.measure in ("bleu", "chrf") else r"\w"
    if not texts or not all(re.search(counted, text) for text in texts):
        return "the target has no words"
    _loaded(config)
    if config.measure.startswith("rouge") and len(_ROUGE_WORD.findall(texts[0].lower())) < (2 if config.measure == "rouge2" else 1):
        return (
            f"{config.measure} finds too few words in the target: it counts plain Latin letters and digits alone. Try measure: chrf"
        )
    if config.measure == "f1" and squad_f1(texts[0], texts[0]) < 1:
        return "f1 leaves out articles and punctuation, and nothing else is in the target"
    return None


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the bare text, of the usual length."""
    texts = [render(row.target, config) for row in examples if row.target is not None]
    unit, long = ("characters", len) if is_spaceless(texts) else ("words", lambda text: len(text.split()))
    lengths = sorted(map(long, texts))
    length = f" Use about {lengths[len(lengths) // 2]} {unit}." if lengths else ""
    return f"Reply with the text alone, without introduction or comment.{length}"


def _references(target: Any, config: Config) -> list[str]:
    texts = as_texts(target)
    return ["\n".join(texts)] if config.match == "in_order" else texts


def _value(output: str, references: Sequence[str], config: Config) -> float:
    if config.measure == "f1":
        return max(squad_f1(output, reference) for reference in references)
    return (_rouge if config.measure.startswith("rouge") else _sacrebleu)(output, references, config)


def _loaded(config: Config) -> None:
    """Raises BrokenEnvironment where the measure's package is missing."""
    if config.measure.startswith("rouge"):
        _rouge_scorer(config.measure, config.stem)
    elif config.measure != "f1":
        _sacrebleu_of(config)


def _rouge(output: str, references: Sequence[str], config: Config) -> float:
    scorer = _rouge_scorer(config.measure, config.stem)
    return max(float(scorer.score(reference, output)[config.measure].fmeasure) for reference in references)


def _sacrebleu(output: str, references: Sequence[str], config: Config) -> float:
    return float(_sacrebleu_of(config)(output, list(references)).score) / 100


def _sacrebleu_of(config: Config) -> Any:
    try:
        import sacrebleu
    except ImportError:
        raise _missing("sacrebleu", config) from None
    return sacrebleu.sentence_bleu if config.measure == "bleu" else sacrebleu.sentence_chrf


@lru_cache(maxsize=8)
def _rouge_scorer(measure: str, stem: bool) -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise _missing("rouge-score", Config(measure=measure)) from None
    return RougeScorer([measure], use_stemmer=stem)


def _missing(package: str, config: Config) -> BrokenEnvironment:
    return BrokenEnvironment(f"the scorer 'overlap' needs {package} for {config.measure}", hint="pip install 'rung[overlap]'")
