"""Conversations in one text, with a mark before each turn: chat templates' tokens, headings, or `Human:` and `Assistant:`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rung.data.inferred import Inference
from rung.data.shapes.turns import role_of

Message = dict[str, Any]
_NAMES = (
    "Human|User|Customer|Client|Patient|Student|Question|Q|Assistant|AI|Bot|Chatbot|Agent|GPT|ChatGPT|Model|Doctor|Support|Advisor|"
    "Answer|A|System|Function Response"
)
_HEADS = {"instruction": "user", "input": "user", "context": "user", "question": "user", "q": "user", "problem": "user"} | {
    **dict.fromkeys(("response", "output", "answer", "a", "solution", "completion"), "assistant"),
}
_ENDS = re.compile(
    r"(?:\s*(?:</s>|<\|endoftext\|>|<\|end_of_text\|>|<eos>|<\|end\|>|<\|eot_id\|>|<\|im_end\|>|<end_of_turn>))+\s*\Z"
)
_BEGINS = re.compile(r"\A(?:\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>))+")
_INST = re.compile(r"\[(/?)INST\]")
_SYS = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way to mark turns. `mark` has a group `who`; text before the first mark is the system's where `preamble`, else there is
    none of this form."""

    name: str
    mark: re.Pattern[str]
    preamble: bool = False


FORMS = (
    Form(name="<|im_start|> and a role", mark=re.compile(r"<\|im_start\|>[ \t]*(?P<who>\w+)[ \t]*\n?")),
    Form(name="<|start_header_id|> and a role", mark=re.compile(r"<\|start_header_id\|>(?P<who>\w+)<\|end_header_id\|>\s*")),
    Form(name="<start_of_turn> and a role", mark=re.compile(r"<start_of_turn>(?P<who>\w+)\n?")),
    Form(name="<|user|> and <|assistant|>", mark=re.compile(r"<\|(?P<who>system|user|assistant|prompter|human|bot)\|>\s*")),
    Form(name="[INST] and [/INST]", mark=_INST),
    Form(
        name="headings such as ### Instruction and ### Response",
        mark=re.compile(r"(?:^|\n)[ \t]*#{2,4}[ \t]*(?P<who>[A-Za-z]{1,12})[ \t]*:?[ \t]*(?:\n|(?<=:)[ \t])|"
                        r"#{3}[ \t]*(?P<inline>Human|Assistant|User|Instruction|Response):[ \t]"),
        preamble=True,
    ),
    Form(name="USER: and ASSISTANT:", mark=re.compile(r"(?:^|(?<=\s)|(?<=>))(?P<who>USER|ASSISTANT|SYSTEM|FUNCTION RESPONSE):\s*"),
         preamble=True),
    Form(name="a speaker's name before each turn", mark=re.compile(rf"(?:^|\n)[ \t]*(?P<who>{_NAMES})[ \t]*:(?:[ \t]|(?=\n)|\Z)",
                                                                  re.IGNORECASE)),
)  # fmt: skip


def marked(form: str) -> Inference:
    """What is told of rows whose texts were cut into turns."""
    return Inference(about="turns", taken="the text is cut into its turns", because=f"it has {form}")


@lru_cache(maxsize=4096)
def _cut(text: str) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    for form in FORMS:
        turns = _joined(_inst(text) if form.mark is _INST else _turns(text, form))
        roles = [role for role, _ in turns]
        if "user" in roles and "assistant" in roles and roles.index("user") < roles.index("assistant"):
            return form.name, turns
    return None


def _joined(turns: Iterator[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headings of one role one after the other, as an instruction and what it is about, are one turn."""
    joined: list[tuple[str, str]] = []
    for role, said in turns:
        if joined and joined[-1][0] == role != "system":
            joined[-1] = (role, "\n\n".join(filter(None, [joined[-1][1], said])))
        else:
            joined.append((role, said))
    return tuple(joined)


def cut(text: str) -> tuple[str, list[Message]] | None:
    """The form of a text and its turns, of which the last may be empty: there an answer is asked for. None where it has no turns
    of a user and an assistant."""
    found = _cut(text)
    return None if found is None else (found[0], [{"role": role, "content": said} for role, said in found[1]])


def asks(messages: Sequence[Message]) -> bool:
    """Whether the last turn is the assistant's, and still to be said."""
    return messages[-1]["role"] == "assistant" and not messages[-1]["content"]


def is_answered(messages: Sequence[Message]) -> bool:
    """Whether the last turn is the assistant's, and says something."""
    return messages[-1]["role"] == "assistant" and bool(messages[-1]["content"])


def _turns(text: str, form: Form) -> Iterator[tuple[str, str]]:
    text = _BEGINS.sub("", text)
    marks = _own(text, form)
    before = text[: marks[0][0].start()] if marks else ""
    if not marks or (before.strip() and not form.preamble):
        return
    if before.strip():
        yield "system", before.strip()
    for (found, role), following in zip(marks, [*[mark for mark, _ in marks[1:]], None], strict=True):
        said = text[found.end() : following.start() if following else len(text)]
        yield role, _ENDS.sub("", said).strip()


def _own(text: str, form: Form) -> list[tuple[re.Match[str], str]]:
    """The marks with their roles. Behind the first answer's mark only names that stood before are marks: a heading in an answer is
    part of it."""
    marks, names, answered = list[tuple[re.Match[str], str]](), set[str](), False
    for found in form.mark.finditer(text):
        role, name = _role(found), _who(found)
        if role is None or (answered and name not in names):
            continue
        marks.append((found, role))
        names.add(name)
        answered = answered or role == "assistant"
    return marks


def _who(found: re.Match[str]) -> str:
    return (found["who"] or found.groupdict().get("inline") or "").casefold()


def _role(found: re.Match[str]) -> str | None:
    who = _who(found)
    return _HEADS.get(who) or role_of(who)


def _inst(text: str) -> Iterator[tuple[str, str]]:
    """Llama 2's and Mistral's form: what stands in [INST] is the user's, what follows it the answer."""
    text = _BEGINS.sub("", text).replace("<s>", " ")
    if not text.lstrip().startswith("[INST]"):
        return
    pieces = _INST.split(text)
    for closing, said in zip(pieces[1::2], pieces[2::2], strict=True):
        if not closing and (system := _SYS.search(said)):
            yield "system", system[1].strip()
        if not closing or said.strip() or said is pieces[-1]:
            yield "assistant" if closing else "user", _ENDS.sub("", said if closing else _SYS.sub("", said)).strip()
