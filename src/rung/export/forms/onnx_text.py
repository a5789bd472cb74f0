"""scikit-learn's TF-IDF of raw texts as ONNX operators, exact in every script: what skl2onnx asks for each vectoriser.

skl2onnx by itself splits words as ASCII alone has them, refuses n-grams of characters within words (`char_wb`), and finds small
letters by a locale that many machines lack. Here a text is taken apart into characters; each is given the number of its small
letter; words and their borders are found among these numbers, and n-grams of both kinds are sequences of numbers then, which
TfIdfVectorizer counts.

    "Ab c!"  ->  A b _ c !  ->  words: | a b | c |      characters: _ a b _ . _ c ! _      (| and _ border, . is never in a term)

What is not exact: the small letter of a capital sigma depends on what stands around it. Here the characters beside it are looked
at; Python looks behind marks as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

OPSET = 20  # the first with RegexFullMatch and StringConcat
ML = "ai.onnx.ml"
# Numbers that stand for no character of a term: nothing, one that no term has, a border of words, one that ends every n-gram, and
# two capitals that one small letter is not enough for.
NOTHING, OTHER, BORDER, SPACE, GAP, DOTTED, SIGMA = range(7)
FIRST = 7
CAPITAL_DOTTED, DOT, CAPITAL_SIGMA, INNER_SIGMA, LAST_SIGMA = "İ", "\u0307", "Σ", "σ", "ς"
# Pads the shorter texts of a batch; no character, by Unicode.
PAD = "\uffff"
WORDLIKE, CASED = r"[\p{L}\p{N}_]", r"[\p{Lu}\p{Ll}\p{Lt}]"
TINY, END = 1e-12, 2**62
INT64, FLOAT, BOOL = 7, 1, 9  # onnx.TensorProto's


def convert(scope: Any, operator: Any, container: Any) -> None:
    """skl2onnx's converter of one vectoriser, of words or of characters within words."""
    vectoriser = operator.raw_operator
    graph = _Graph(scope, container)
    terms = sorted(vectoriser.vocabulary_, key=vectoriser.vocabulary_.get)
    numbers = _numbers(terms)
    characters = graph.characters(operator.inputs[0].full_name)
    known = graph.numbered(characters, numbers)
    if vectoriser.analyzer == "word":
        sequence, grams = graph.words(characters, known, numbers), [_word_gram(term, numbers) for term in terms]
    else:
        sequence, grams = graph.within_words(known, numbers), [_char_gram(term, numbers) for term in terms]
    counts = graph.counted(sequence, grams)
    graph.weighted(counts, vectoriser.idf_, operator.outputs[0].full_name)


def shape(operator: Any) -> None:
    """skl2onnx's question for the form of what comes out: (texts, terms) numbers."""
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([None, len(operator.raw_operator.vocabulary_)])


def _numbers(terms: Sequence[str]) -> dict[str, int]:
    """The number of each character that a term has, beside the space."""
    characters = sorted({character for term in terms for character in term} - {" "})
    return {character: FIRST + place for place, character in enumerate(characters)}


def _word_gram(term: str, numbers: Mapping[str, int]) -> tuple[int, ...]:
    """`two words` as border, letters, border, letters, border."""
    return (BORDER, *(BORDER if character == " " else numbers[character] for character in term), BORDER)


def _char_gram(term: str, numbers: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(SPACE if character == " " else numbers[character] for character in term)


@cache
def small_letters() -> Mapping[str, str]:
    """Each character whose small letter is another one character."""
    found = ((chr(place), chr(place).lower()) for place in range(0x110000) if not 0xD800 <= place < 0xE000)
    return {capital: small for capital, small in found if small != capital and len(small) == 1}


@cache
def spaces() -> tuple[str, ...]:
    """What Python's `split` takes for a space."""
    return tuple(chr(place) for place in range(0x3001) if chr(place).isspace())


class _Graph:
    """Nodes that are put into skl2onnx's container; each method gives the name of what it computes."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def characters(self, texts: str) -> str:
        """(texts, characters) of a column of texts, each with a space behind it, so that none is empty; shorter ones are padded."""
        column = self._node("Reshape", [texts, self._whole([-1])])
        ended = self._node("StringConcat", [column, self._texts([" "])])
        return self._node(
            "Tokenizer", [ended], domain="com.microsoft", version=1, separators=[""], pad_value=PAD, mark=0, mincharnum=1
        )

    def numbered(self, characters: str, numbers: Mapping[str, int]) -> str:
        """The number of each: a capital's is its small letter's."""
        known = dict(numbers) | {capital: numbers[small] for capital, small in small_letters().items() if small in numbers}
        table = known | dict.fromkeys(spaces(), SPACE) | {PAD: SPACE, CAPITAL_DOTTED: DOTTED, CAPITAL_SIGMA: SIGMA}
        found = self._node(
            "LabelEncoder",
            [characters],
            domain=ML,
            version=2,
            keys_strings=list(table),
            values_int64s=list(table.values()),
            default_int64=OTHER,
        )
        return self._sigmas(characters, found, numbers) if {INNER_SIGMA, LAST_SIGMA} & set(numbers) else found

    def _sigmas(self, characters: str, found: str, numbers: Mapping[str, int]) -> str:
        """A capital sigma's small letter: the last one behind a letter with case and before none."""
        cased = self._node("RegexFullMatch", [characters], pattern=CASED)
        none = self._as_bool(self._column_of(0, found))
        behind = self._node("Concat", [none, self._part(cased, 0, -1)], axis=1)
        before = self._node("Concat", [self._part(cased, 1, END), none], axis=1)
        last = self._node("And", [behind, self._node("Not", [before])])
        small = [self._whole([numbers.get(letter, OTHER)]) for letter in (LAST_SIGMA, INNER_SIGMA)]
        sigma = self._node("Equal", [found, self._whole([SIGMA])])
        return self._node("Where", [sigma, self._node("Where", [last, *small]), found])

    def words(self, characters: str, known: str, numbers: Mapping[str, int]) -> str:
        """Borders and the letters between them: one border for all that stands between two words."""
        wordlike = self._node("RegexFullMatch", [characters], pattern=WORDLIKE)
        # A dotted capital's small letters are two: an i, and a mark that no word holds.
        dotted = self._node("Equal", [known, self._whole([DOTTED])])
        letters = self._node("Where", [dotted, self._whole([numbers.get("i", OTHER)]), known])
        first = self._node("Where", [wordlike, letters, self._whole([BORDER])])
        second = self._node("Where", [dotted, self._whole([BORDER]), self._whole([NOTHING])])
        found = self._side_by_side([first, second])
        found = self._node("Concat", [self._column_of(BORDER, found), found], axis=1)
        border = self._node("Equal", [found, self._whole([BORDER])])
        after_one = self._node("Concat", [self._as_bool(self._column_of(0, found)), self._part(border, 0, -1)], axis=1)
        repeated = self._node("And", [border, after_one])
        return self._packed(found, self._node("Not", [repeated]))

    def within_words(self, known: str, numbers: Mapping[str, int]) -> str:
        """Each space as the one that ends a word, a gap, and the one that begins the next."""
        space = self._node("Equal", [known, self._whole([SPACE])])
        dotted = self._node("Equal", [known, self._whole([DOTTED])])
        first = self._node("Where", [dotted, self._whole([numbers.get("i", OTHER)]), known])
        dot = self._node("Where", [dotted, self._whole([numbers.get(DOT, OTHER)]), self._whole([NOTHING])])
        gap = self._node("Where", [space, self._whole([GAP]), dot])
        again = self._node("Where", [space, self._whole([SPACE]), self._whole([NOTHING])])
        flat = self._side_by_side([first, gap, again])
        return self._node("Concat", [self._column_of(SPACE, flat), flat], axis=1)

    def counted(self, sequence: str, grams: Sequence[tuple[int, ...]]) -> str:
        """(texts, terms) how often each n-gram stands in a sequence."""
        order = sorted(range(len(grams)), key=lambda place: (len(grams[place]), place))
        longest, shortest = max(map(len, grams)), min(map(len, grams))
        pool = [number for place in order for number in grams[place]]
        lengths = Counter(map(len, grams))
        ends = accumulate(length * lengths[length] for length in range(1, longest))
        return self._node(
            "TfIdfVectorizer",
            [sequence],
            mode="TF",
            min_gram_length=shortest,
            max_gram_length=longest,
            max_skip_count=0,
            ngram_counts=[0, *ends],
            ngram_indexes=order,
            pool_int64s=pool,
        )

    def weighted(self, counts: str, idf: Any, output: str) -> None:
        """(1 + log count) * idf for what is there, at length 1."""
        one = self._numbers([1.0])
        logs = self._node("Add", [self._node("Log", [self._node("Max", [counts, one])]), one])
        there = self._node("Min", [counts, one])
        terms = self._node("Mul", [self._node("Mul", [logs, there]), self._numbers(list(map(float, idf)))])
        squares = self._node("ReduceSumSquare", [terms, self._whole([1])], keepdims=1)
        length = self._node("Max", [self._node("Sqrt", [squares]), self._numbers([TINY])])
        self._container.add_node("Div", [terms, length], [output], name=self._scope.get_unique_operator_name("Div"), op_version=14)

    def _side_by_side(self, parts: Sequence[str]) -> str:
        """What each character becomes, in its order, without those that are nothing."""
        each = self._node("Concat", [self._unsqueezed(part) for part in parts], axis=2)
        flat = self._node("Reshape", [each, self._whole([0, -1])])
        return self._packed(flat, self._node("Not", [self._node("Equal", [flat, self._whole([NOTHING])])]))

    def _part(self, rows: str, start: int, end: int) -> str:
        """The columns from `start` to `end`."""
        return self._node("Slice", [rows, self._whole([start]), self._whole([end]), self._whole([1])])

    def _packed(self, numbers: str, kept: str) -> str:
        """The kept ones of each row moved to its left; behind them stands nothing."""
        ones = self._node("Cast", [kept], to=INT64)
        place = self._node("Sub", [self._node("CumSum", [ones, self._whole_scalar(1)]), self._whole([1])])
        rows_and_columns = self._node("Shape", [numbers])
        wider = self._node("Add", [rows_and_columns, self._whole([0, 1])])
        last = self._node("Slice", [rows_and_columns, self._whole([1]), self._whole([2]), self._whole([0])])
        # What is not kept goes into a column of its own, whose values nobody reads.
        target = self._node("Where", [kept, place, last])
        room = self._node("Expand", [self._whole([NOTHING]), wider])
        filled = self._node("ScatterElements", [room, target, numbers], axis=1)
        return self._part(filled, 0, -1)

    def _column_of(self, number: int, like: str) -> str:
        """(rows, 1) of one number, as many rows as `like` has."""
        first = self._node("Slice", [like, self._whole([0]), self._whole([1]), self._whole([1])])
        zero = self._node("Mul", [first, self._whole([0])])
        return self._node("Add", [zero, self._whole([number])])

    def _as_bool(self, numbers: str) -> str:
        return self._node("Cast", [numbers], to=BOOL)

    def _unsqueezed(self, numbers: str) -> str:
        return self._node("Unsqueeze", [numbers, self._whole([2])])

    def _node(self, kind: str, inputs: Sequence[str], *, domain: str = "", version: int = OPSET, **attributes: Any) -> str:
        name: str = self._scope.get_unique_variable_name(kind.lower())
        called = self._scope.get_unique_operator_name(kind)
        versions = {"op_domain": domain, "op_version": version if domain else _VERSIONS.get(kind, version)}
        self._container.add_node(kind, list(inputs), [name], name=called, **versions, **attributes)
        return name

    def _whole(self, values: Sequence[int]) -> str:
        return self._constant(INT64, [len(values)], list(values))

    def _whole_scalar(self, value: int) -> str:
        return self._constant(INT64, [], [value])

    def _numbers(self, values: Sequence[float]) -> str:
        return self._constant(FLOAT, [len(values)], list(values))

    def _texts(self, values: Sequence[str]) -> str:
        return self._constant(8, [len(values)], [value.encode("utf-8") for value in values])

    def _constant(self, kind: int, dims: Sequence[int], values: Sequence[Any]) -> str:
        name: str = self._scope.get_unique_variable_name("constant")
        self._container.add_initializer(name, kind, dims, values)
        return name


# The version of each operator that stands in OPSET.
_VERSIONS: Mapping[str, int] = {
    **dict.fromkeys(("Reshape", "Equal", "Cast", "Shape"), 19),
    **dict.fromkeys(("StringConcat", "RegexFullMatch"), 20),
    **dict.fromkeys(("ScatterElements", "ReduceSumSquare"), 18),
    **dict.fromkeys(("Where",), 16),
    **dict.fromkeys(("CumSum", "Add", "Sub", "Mul"), 14),
    **dict.fromkeys(("Concat", "Slice", "Log", "Max", "Min", "Sqrt", "Expand", "Unsqueeze"), 13),
    **dict.fromkeys(("TfIdfVectorizer",), 9),
    **dict.fromkeys(("And",), 7),
    **dict.fromkeys(("Not",), 1),
}
