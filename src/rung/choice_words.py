"""The words and marks by which `rung.choices` tells a label from a word of a sentence."""

from __future__ import annotations

import re
import unicodedata

# Marks that are written in several ways, in one.
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2212\ufe63\uff0d\u00ad", "-"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000\t", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u200e\u200f", None),
        # Marks of direction, and those that choose between the plain and the coloured form of a sign: none is a letter.
        **dict.fromkeys("\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufe0e\ufe0f", None),
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if code != 0xFF0D},
    }
)
# Letters that only say how they are drawn: ligatures, Arabic and Hebrew presentation forms, half and full width, the micro sign.
_DRAWN = re.compile("[\u00b5\ufb00-\ufdff\ufe70-\ufefc\uff00-\uffef]")
_LONG_DASH = re.compile(r"[‒–—―](?P<number>\d)?")

PAIRS = (
    *(("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»")),
    *(("(", ")"), ("[", "]"), ("{", "}"), ("「", "」"), ("（", "）"), ("【", "】"), ("$", "$"), ("<answer>", "</answer>")),
    *(("\\boxed{", "}"), ("\\text{", "}"), ("\\textbf{", "}"), ("<b>", "</b>")),
)
ANSWER_KEYS = frozenset(
    ("answer", "final_answer", "final answer", "label", "choice", "class", "category", "prediction", "option", "result", "output")
)
# Of one letter or one digit there is no list: they are told by their form.
SENTENCE_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an the i no not none it is in on or and us other all any can may will so do to as at be by he if me my of up we who how
        what when where why this that these those one two three first second more less most some such only very just here there now
        then out over own same than too with from for but are was has had have does did
        """,
    )
)
_NOUN = (
    r"answer|option|choice|label|category|class|classification|sentiment|verdict|prediction|decision|rating|score|grade|intent"
    r"|conclusion|antwort|respuesta|réponse|reponse|risposta|resposta|ответ|الإجابة|الجواب|jawaban|antwoord|svar|cevap|odpowiedź"
)
_VERB = r"(?:is|was|are|would be|should be|must be|will be|has to be|(?:seems?|appears?) to be|ist|es|est|è|é)"
MARKER = re.compile(
    rf"\b(?:{_NOUN})\b[*_\"')\]]{{0,4}}\s{{0,3}}(?:(?:{_VERB})\b(?:\s{{0,2}}:)?|[:=]|[-=]>|→|-\s)[*_]{{0,3}}"
    r"|(?:答案|答え|정답|选项|選項|结论|分类|标签)\s{0,2}(?:应该是|應該是|应为|是|为|為|は|은|는)?\s{0,2}:?"
    r"|\\boxed\s?\{|<(?:final_)?answer>",
    re.IGNORECASE,
)
# Between a marker and its label.
SKIPPED = re.compile(
    r"(?:[\s*_\"'`(\[{$]|\\text\{|\\textbf\{|\\mathrm\{"
    r"|\b(?:therefore|thus|hence|clearly|probably|likely|definitely|most likely|simply|indeed|still|then|just)\b"
    r"|\b(?:option|choice|letter|label|class|category|number|the)\b(?=\s)){0,12}",
    re.IGNORECASE,
)
BETWEEN = re.compile(
    r"[\s*_\"'`)\]]{0,4}(?:[,;]\s{0,2}(?:and|or)\b|[,;/&|]|\b(?:and|or|und|oder|et|ou|y|o)\b|[和或及、])\s{0,3}", re.IGNORECASE
)
CLAUSE_ENDS = re.compile(
    r"[\"'`*_)\]}$]{0,6}(?:\s{0,3}\Z|\s{0,3}\n|\s?[.,;:!)}|<。，；：！、]|\s{1,3}-{1,2}(?=\s)|/"
    r"|\s{1,3}\(|\s{1,3}(?:because|since|as|due|and|or|but|given|is|seems|would|based)\b|的|だ|です|입니다|이다)",
    re.IGNORECASE,
)
LEADS = re.compile(
    r"(?:\b(?:option|choice|answer|letter|label|class|category|grade|rating|score|number|is|be|was|say|says|think|believe|pick|picked"
    r"|choose|select|chose|guess|with|for|therefore|thus|hence|so)|it's|[:=>])\s{0,2}[\"'`*_(\[]{0,3}\Z|[\"'`(\[*]\Z|是\Z",
    re.IGNORECASE,
)
ENUMERATOR = re.compile(r"\(?(?:[A-Za-z]|\d{1,2})[).:]\s+|[-*•>]\s+|#{1,6}\s+")
SENTENCE_END = re.compile(r"(?:[.!?]+(?=[\s\"'*_)])|[。！？\n])\s*")
CANNOT_TELL = re.compile(
    r"\b(?:can(?:not|'t| not)|could(?:n't| not)|unable to|not able to|impossible to|not possible to|hard to|difficult to|don't know"
    r"|do not know|not sure|unsure|unclear|no idea|refuse to|won't|will not|whether)\b|无法|不能|不知道|わかりません|모르",
    re.IGNORECASE,
)
_WORDS = r"(?:\s+[^\s.,;:!?]+)"
NEGATION = re.compile(
    rf"(?:\b(?:not(?!\s+(?:only|just)\b)|cannot|never|neither|nor|hardly|nicht|keine?n?|pas|não|non|не|ليس|ليست|غير)\b|n't\b)"
    rf"(?:(?!\s+(?:but|because|since|so)\b){_WORDS}){{0,3}}[\s\"'`*_(]*\Z"
    rf"|\bno(?!\s+doubt\b){_WORDS}?[\s\"'`*_(]*\Z"
    rf"|\b(?:instead of|rather than|other than|opposite of|opposed to|except|without|ruled? out|rules out|nie|нет){_WORDS}{{0,2}}"
    r"[\s\"'`*_(]*\Z"
    r"|(?:不|非|没|無|未)[是算太很够]?\Z",
    re.IGNORECASE,
)
# What every text holds that NEGATION finds something in; quicker to look for.
NEGATORS = re.compile(
    "no|n't|ne|nicht|kein|pas|não|не|нет|ليس|غير|hardly|instead|rather|other|opp|except|rule|[不非没無未]", re.IGNORECASE
)
AFTER_NEGATION = re.compile(
    r"[\"'`*_)]{0,4}\s{0,2}(?:(?:is|was|are|does|did|can|could|should|would|has)(?:\s+not\b|n't\b|not\b)"
    r"|(?:is|was|are|seems|looks|would be|can be)\s+(?:wrong|incorrect|false|ruled out|excluded|eliminated|out)\b"
    r"|的?(?:では|じゃ)(?:ない|ありません)|\w{0,2}\s?아니|\s?नहीं)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """The text with one sort of dash, quote and space, full-width letters in their usual form, and without invisible marks.

    A long dash is a minus before a digit that no word stands before, and otherwise a pause.
    """
    return _LONG_DASH.sub(_dash, _alike(text))


def one_form(text: str) -> str:
    """The text as it looks: what is equal here differs in how it is encoded alone, as a composed and a decomposed accent do.

    Letters are never taken for others (Unicode Standard Annex 15 for the forms): no case is folded, and a dotless i is no i.
    """
    return " ".join(text.split()) if text.isascii() else " ".join(_alike(text).split())


def _alike(text: str) -> str:
    if text.isascii():
        return text.replace("\t", " ")
    drawn = _DRAWN.sub(lambda one: unicodedata.normalize("NFKC", one[0]), text.translate(_ALIKE))
    return unicodedata.normalize("NFC", drawn)


def bounded(text: str, start: int, end: int) -> bool:
    """Whether a place is a word by itself: no part of a longer word, number or name."""
    return not (_goes_on_before(text, start) or _goes_on_behind(text, end) or _is_starred(text, start, end))


def apart(text: str, start: int, end: int) -> bool:
    """Whether a place is no part of a longer word or number, as `12` is of `312`, `12.5`, `-12`; it may have an ending (`'s`)."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if _joined(before, text[start]) or _joined(text[end - 1], after):
        return False
    beyond, earlier = text[end + 1 : end + 2], text[start - 2 : start - 1]
    if text[start].isdigit() and ((before == "-" and not _is_word(earlier)) or (before in tuple(".,") and earlier.isdigit())):
        return False
    return not (text[end - 1].isdigit() and after in tuple(".,") and beyond.isdigit())


def _goes_on_before(text: str, start: int) -> bool:
    before, first = text[start - 1 : start], text[start]
    if _joined(before, first) or before == ".":
        return True
    if first.isdigit() and before in tuple("-+$€£¥"):
        return True
    return before in tuple("-/'@") and _is_word(text[start - 2 : start - 1])


def _goes_on_behind(text: str, end: int) -> bool:
    last, after, beyond = text[end - 1], text[end : end + 1], text[end + 1 : end + 2]
    if _joined(last, after) or after in tuple("+#@") or (after == "-" and not beyond.strip()):
        return True
    if last.isdigit() and (after == "%" or (after == "," and beyond.isdigit())):
        return True
    return after in tuple("-/'.") and _is_word(beyond)


def _is_starred(text: str, start: int, end: int) -> bool:
    """Whether one asterisk stands behind, and none before that would make it an emphasis: `A*`."""
    return text[end : end + 1] == "*" and text[end + 1 : end + 2] != "*" and text[start - 1 : start] != "*"


def _dash(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()]
    number = match["number"] or ""
    return f"-{number}" if number and not _is_word(before) else f" - {number}"


def _joined(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word: in a script without spaces they need not."""
    return _is_word(left) and _is_word(right) and not (_is_spaceless(left) or _is_spaceless(right))


def _is_word(letter: str) -> bool:
    return bool(letter) and (letter.isalnum() or letter == "_" or unicodedata.category(letter).startswith("M"))


def _is_spaceless(letter: str) -> bool:
    """Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan."""
    code = ord(letter)
    return (
        0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or code >= 0x20000
        or (0x0E00 <= code <= 0x0FFF or 0x1000 <= code <= 0x109F or 0x1780 <= code <= 0x17FF)
    )
