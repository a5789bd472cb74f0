"""What job a file's answers are done by: summarise, translate, extract, answer from the passage, write SQL, and the like.

Told by what the columns are called and by what the answers look like beside the questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rung.data.read.where import as_text
from rung.data.script import scripts_of
from rung.data.shapes.columns import Columns
from rung.propose.columns.words import CONTEXT, HEADLINE, QUESTION, TEXT, Name
from rung.types import Example

LOOKED_AT = 200
MOST = 0.8
SHORTER = 0.6  # of the text's length, that a summary is at most
LANGUAGES: Mapping[str, str] = {
    code: name
    for name, codes in {
        "English": "en eng english englisch inglés anglais", "German": "de deu ger german deutsch alemán allemand",
        "French": "fr fra fre french français französisch", "Spanish": "es spa spanish español spanisch",
        "Italian": "it ita italian italiano italienisch", "Portuguese": "pt por portuguese português",
        "Dutch": "nl nld dut dutch nederlands", "Polish": "pl pol polish polski", "Russian": "ru rus russian русский",
        "Ukrainian": "uk ukr ukrainian", "Czech": "cs ces czech", "Swedish": "sv swe swedish svenska",
        "Danish": "da dan danish dansk", "Norwegian": "nb nor norwegian norsk", "Finnish": "fi fin finnish suomi",
        "Turkish": "tr tur turkish türkçe", "Arabic": "ar ara arabic عربي", "Hebrew": "heb hebrew", "Hindi": "hi hin hindi",
        "Chinese": "zh zho chi cn chinese 中文", "Japanese": "ja jpn jp japanese 日本語", "Korean": "ko kor korean 한국어",
        "Vietnamese": "vi vie vietnamese", "Thai": "th tha thai", "Indonesian": "ind indonesian", "Greek": "el ell greek",
        "Romanian": "ro ron romanian", "Hungarian": "hu hun hungarian", "Latin": "lat latin", "Persian": "fa fas persian farsi",
    }.items()
    for code in codes.split()
}  # fmt: skip
# Scripts in which one language alone is usually written.
OWN_SCRIPT = {name.casefold(): name for name in ("Chinese", "Japanese", "Korean", "Thai", "Greek", "Hebrew")}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUMMARY = _words(
    "summary summaries summarization summarisation abstract highlights tldr synopsis gist zusammenfassung kurzfassung resumen "
    "résumé riassunto resumo samenvatting streszczenie özet 摘要 总结 要約 요약 ملخص सारांश"
)
TRANSLATION = _words(
    "translation translated translate übersetzung traducción traduction traduzione tradução vertaling tłumaczenie çeviri перевод "
    "翻译 译文 翻訳 번역 ترجمة अनुवाद"
)
CORRECTION = _words("corrected correction corrections correct grammatical fixed edited korrigiert corregido corrigé 修正 纠正")
REWRITE = _words(
    "paraphrase paraphrased paraphrases rewrite rewritten rephrased rephrase reworded reformulated simplified simplification "
    "simple formal informal polite detoxified neutralized umformuliert"
)
NO_QUESTION = _words("prompt instruction instructions claim hypothesis statement goal problem request")
KEYWORDS = _words("keyword keywords keyphrase keyphrases tags hashtags")
SQL = re.compile(r"\s*(?:with\b.+\bas\s*\(|select\b|insert\s+into\b|update\b.+\bset\b|delete\s+from\b)", re.IGNORECASE | re.DOTALL)
CODE = {
    "Python": re.compile(r"^\s*(?:def \w+\(|class \w+|import \w+|from \w+ import |@\w+|print\()", re.MULTILINE),
    "JavaScript": re.compile(r"^\s*(?:function \w+\(|(?:const|let|var) \w+\s*=|export |console\.log)", re.MULTILINE),
    "Java": re.compile(r"^\s*(?:public|private) (?:static |class |\w+ \w+\()", re.MULTILINE),
    "C": re.compile(r"^\s*(?:#include|int main|void \w+\()", re.MULTILINE),
    "shell commands": re.compile(r"^\s*(?:\$ |sudo |ls |cd |grep |find |awk |sed |cat |git |docker |kubectl )"),
    "HTML": re.compile(r"^\s*<(?:!doctype|html|div|p|table|ul|body)\b", re.IGNORECASE),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Rows, and the columns that they are made of; no column where rows say themselves what is what."""

    examples: Sequence[Example]
    columns: Columns

    @cached_property
    def target(self) -> Name:
        """The answer's column."""
        names = self.columns.targets()
        return Name(names[0] if len(names) == 1 else "")

    @cached_property
    def inputs(self) -> tuple[Name, ...]:
        """The question's columns."""
        return tuple(map(Name, self.columns.inputs()))

    @cached_property
    def answers(self) -> list[str]:
        """Some of the answers."""
        return [as_text(row.target) for row in self._seen]

    @cached_property
    def questions(self) -> list[str]:
        """The last messages before them."""
        return [as_text(row.messages[-1].get("content") or "") for row in self._seen]

    @cached_property
    def _seen(self) -> list[Example]:
        step = max(1, len(self.examples) // LOOKED_AT)
        return [row for row in self.examples[::step] if row.target is not None and row.messages][:LOOKED_AT]

    @property
    def thing(self) -> str:
        """What the question's text is called: review, ticket, dialogue; `text` where its column says nothing."""
        named = [name.head for name in self.inputs if name.head in TEXT and name.head.isascii()]
        plain = {"texts", "txt", "content", "contents", "body", "string", "input", "inputs", "src", "data", "msg", "chat"}
        word = next((word for word in named if word not in plain), "text") if len(self.inputs) == 1 else "text"
        return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "news")) else word

    @property
    def asks(self) -> bool:
        """Whether a question is asked, by the columns' names or by question marks."""
        named = any(name.known & QUESTION - NO_QUESTION for name in self.inputs)
        marked = self._share(lambda question, _: question.rstrip()[-1:] in ("?", "？", "؟"))
        return named or marked >= MOST

    @property
    def gives_context(self) -> bool:
        """Whether something is there to answer from."""
        return len(self.inputs) > 1 and any(name.known & (CONTEXT | TEXT) and not name.known & QUESTION for name in self.inputs)

    def stands_inside(self) -> bool:
        """Whether most answers stand in their question word for word."""
        return self._share(lambda question, answer: answer.casefold() in question.casefold()) >= MOST

    def is_shorter(self) -> bool:
        """Whether the answers are much shorter than what is asked, and still texts."""
        return self._share(lambda question, answer: len(answer) <= SHORTER * len(question)) >= MOST

    def _share(self, holds: Callable[[str, str], bool]) -> float:
        pairs = list(zip(self.questions, self.answers, strict=True))
        return sum(holds(*pair) for pair in pairs) / max(1, len(pairs))


def job_of(asked: Asked) -> str:
    """What to do to give a free answer, as a sentence; "" where nothing shows it."""
    known = asked.target.known
    return (
        _translate(asked)
        or _write_code(asked)
        or ("Summarise the {thing}." if known & SUMMARY else "")
        or ("Correct the grammar and the spelling of the {thing}." if known & CORRECTION and not asked.asks else "")
        or _rewrite(known)
        or ("Name the keywords of the {thing}." if known & KEYWORDS else "")
        or ("Write a title for the {thing}." if known & HEADLINE and asked.is_shorter() else "")
        or ("Ask a question about the {thing}." if known & {"question", "questions"} else "")
        or _answer(asked)
    ).format(thing=asked.thing)


def _translate(asked: Asked) -> str:
    source = [LANGUAGES[word] for name in asked.inputs for word in name.words if word in LANGUAGES]
    goal = [LANGUAGES[word] for word in asked.target.words if word in LANGUAGES]
    named = bool(asked.target.known & TRANSLATION) or (source and goal and source != goal)
    before, after = scripts_of(asked.questions), scripts_of(asked.answers)
    other = len(before) == len(after) == 1 and before != after
    if not named and not other:
        return ""
    into = goal[0] if goal else OWN_SCRIPT.get(after[0], "") if other and after else ""
    return f"Translate the {{thing}}{f' from {source[0]}' if source else ''}{f' into {into}' if into else ''}."


def _write_code(asked: Asked) -> str:
    known = asked.target.known
    sql = sum(bool(SQL.match(answer)) for answer in asked.answers) >= MOST * max(1, len(asked.answers))
    if sql or "sql" in known:
        return "Write the SQL query that answers the question."
    for language, looks in CODE.items():
        if asked.answers and sum(bool(looks.search(answer)) for answer in asked.answers) >= MOST * len(asked.answers):
            return f"Write the {language}{' code' if language != 'shell commands' else ''} that does what is asked."
    return "Write the code that does what is asked." if known & {"code", "program", "script"} else ""


def _rewrite(known: frozenset[str]) -> str:
    found = known & REWRITE
    if not found:
        return ""
    if found & {"simplified", "simplification", "simple"}:
        return "Rewrite the {thing} in simple words."
    manner = next((word for word in ("formal", "informal", "polite") if word in found), "")
    return f"Rewrite the {{thing}} in a {manner} tone." if manner else "Say the same as the {thing} in other words."


def _answer(asked: Asked) -> str:
    if asked.asks and asked.gives_context:
        inside = ", in words that stand there" if asked.stands_inside() else ""
        return f"Answer the question from the text that is given{inside}."
    if asked.asks:
        return "Answer the question."
    if asked.target.words and asked.stands_inside():
        return f"Find the {' '.join(asked.target.words)} in the {{thing}} and give it word for word."
    instructed = any(name.known & {"instruction", "instructions", "task"} for name in asked.inputs)
    return "Follow the instruction." if instructed else ""
