"""The one rendering of a conversation into text and tokens: training, evaluation and serving all call it, so they cannot differ.

The renderer is the tokenizer's own chat template, in transformers' sandbox. What a template cannot say (tools, tool calls, a system
turn) is written into the turns that it can, always in the same words. Control tokens that stand in somebody's text stay text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from rung.engine.backend import Unaskable
from rung.engine.clock import DATE_STRING, dated
from rung.engine.encoding import encode
from rung.engine.markers import Marks
from rung.errors import UserError
from rung.json_form import canonical_json, digest
from rung.reply import closing_of, opened_thought, read_reply, without_thoughts
from rung.types import Message

Tools = Sequence[Mapping[str, Any]]

# Of a turn, what some templates print beside its text: whoever sent it chose that too.
_NAMES = ("name", "tool_call_id")
CALL_FORMAT = 'Reply with {"name": ..., "arguments": {...}} to call one of them.'
# In the words of several families: no thoughts before the answer. A rendering must not change overnight.
_FIXED = {"enable_thinking": False, "thinking": False, "thinking_budget": 0, "date_string": DATE_STRING}


def template_digest(template: str | Mapping[str, str]) -> str:
    """SHA-256 of a chat template, or of a set of named ones."""
    return digest(template if isinstance(template, str) else dict(template))


@dataclass(frozen=True, kw_only=True)
class ChatTemplate:
    """A tokenizer's chat template, and what it turns out to be able to say (found by trying, not by reading its source)."""

    tokenizer: Any

    @cached_property
    def digest(self) -> str:
        return template_digest(self.tokenizer.chat_template)

    @cached_property
    def takes_system(self) -> bool:
        return self._shows("7f3a", [{"role": "system", "content": "7f3a"}, _user("hi")])

    @cached_property
    def takes_tools(self) -> bool:
        return self._shows("7f3a", [_user("hi")], [wrapped_tool({"name": "f", "description": "7f3a", "parameters": {}})])

    @cached_property
    def takes_tool_calls(self) -> bool:
        call = {"id": "call00000", "type": "function", "function": {"name": "7f3a", "arguments": {}}}
        return self._shows("7f3a", [_user("hi"), {"role": "assistant", "tool_calls": [call]}])

    @cached_property
    def takes_tool_results(self) -> bool:
        call = {"id": "call00000", "type": "function", "function": {"name": "f", "arguments": {}}}
        result = {"role": "tool", "name": "f", "tool_call_id": "call00000", "content": "7f3a"}
        said = {"role": "assistant", "tool_calls": [call]} if self.takes_tool_calls else {"role": "assistant", "content": "f"}
        return self._shows("7f3a", [_user("hi"), said, result])

    @cached_property
    def marks(self) -> Marks:
        """What it tells structure by: in what somebody says, that is text."""
        return Marks.of(self.tokenizer, self._gaps())

    def _gaps(self) -> list[str]:
        """What it writes between what is said; nothing of one that refuses the turns."""
        said = ["7f3a", "8e4b", "9d5c", "6a2f"]
        turns = [_user(said[1]), {"role": "assistant", "content": said[2]}, _user(said[3])]
        system = [{"role": "system", "content": said[0]}] if self.takes_system else []
        try:
            return re.split("|".join(said), self.apply([*system, *turns], None, add_generation_prompt=True))
        except UserError:
            return []

    @cached_property
    def around(self) -> tuple[str, str]:
        """What stands around an answer: before it, what the template writes there (white space, the end of a thought that the
        prompt opened, the name of a channel); behind it what closes the turn, through the first control token."""
        prompt = self.apply([_user("hi")], None, add_generation_prompt=True)
        full = self.apply([_user("hi"), {"role": "assistant", "content": "7f3a"}], None, add_generation_prompt=False)
        before, _, after = full.rpartition("7f3a")
        lead = before[len(prompt) :] if before.startswith(prompt) else ""
        has_words = self.marks.control.sub("", read_reply(lead).text).strip()
        if has_words or (not lead.strip() and opened_thought(prompt)):
            lead = closing_of(prompt)
        token = self.marks.control.search(after)
        return lead, after[: token.end()] if token else self.tokenizer.eos_token or ""

    @cached_property
    def prints_date(self) -> bool:
        """Whether it asks for today's date."""
        named = self.tokenizer.chat_template
        return any(
            "strftime_now" in text or "date_string" in text for text in (named.values() if isinstance(named, dict) else [named])
        )

    @cached_property
    def wants_parts(self) -> bool:
        """Whether it goes through a turn's content as a list of parts, as those of models that also see do: text would be nothing.

        Raises UserError for one that leaves out what a user says in either form.
        """
        as_text = self._reads("7f3a")
        if as_text:
            return False
        if self._reads(_parts("7f3a")):
            return True
        if as_text is None:  # what it complains of is told where it is asked
            return False
        where = str(getattr(self.tokenizer, "name_or_path", ""))
        hint = "Bring the model's chat_template.jinja as it was published."
        raise UserError("the base's chat template leaves out what a user says", where=where, hint=hint)

    @cached_property
    def no_tools(self) -> list[dict[str, Any]] | None:
        """What says that there are none: some templates go through a list that must be there."""
        try:
            self._rendered([_user("hi")], None, add_generation_prompt=True)
        except _faults():
            return []
        return None

    def apply(self, messages: Sequence[Message], tools: Tools | None, *, add_generation_prompt: bool) -> str:
        """The template's own text for turns that it can say. Raises UserError with the template's complaint."""
        try:
            offered = [dict(tool) for tool in tools] if tools else self.no_tools
            return self._rendered(messages, offered, add_generation_prompt=add_generation_prompt)
        except _faults() as error:
            roles = ", ".join(str(message.get("role")) for message in messages)
            raise Unaskable(
                f"the base's chat template cannot render a conversation of the roles {roles}: {error}",
                hint="Reorder the turns as the template wants them, or choose another base.",
            ) from error

    def _rendered(self, messages: Sequence[Message], tools: list[dict[str, Any]] | None, *, add_generation_prompt: bool) -> str:
        turns = [dict(message) for message in messages]
        if self.wants_parts:
            turns = [
                {**turn, "content": _parts(turn["content"])} if isinstance(turn.get("content"), str) else turn for turn in turns
            ]
        return self._filled(turns, tools, add_generation_prompt=add_generation_prompt)

    def _filled(self, turns: list[dict[str, Any]], tools: list[dict[str, Any]] | None, *, add_generation_prompt: bool) -> str:
        template = self.tokenizer.get_chat_template(None, tools or None)
        text: str = self.tokenizer.apply_chat_template(
            turns,
            tools=tools,
            chat_template=dated(template),
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            **_FIXED,
        )
        return text

    def _reads(self, content: Any) -> bool | None:
        """Whether a user's "7f3a" is in the text; None where the template refuses the turn."""
        for tools in (None, list[dict[str, Any]]()):
            try:
                return "7f3a" in self._filled([{"role": "user", "content": content}], tools, add_generation_prompt=True)
            except _faults():
                continue
        return None

    def _shows(self, mark: str, messages: Sequence[Message], tools: Tools | None = None) -> bool:
        try:
            return mark in self.apply(messages, tools, add_generation_prompt=False)
        except UserError:
            return False


@lru_cache(maxsize=16)
def chat_template(tokenizer: Any) -> ChatTemplate:
    """The tokenizer's template, examined once. Raises UserError where it has none."""
    if not getattr(tokenizer, "chat_template", None):
        raise no_template(str(getattr(tokenizer, "name_or_path", "") or "the base"))
    return ChatTemplate(tokenizer=tokenizer)


def no_template(where: str) -> UserError:
    """What to tell the owner of a base that cannot hold a conversation."""
    return UserError(
        "the base has no chat template, so there is no one way to ask it anything",
        where=where,
        hint="Use its instruction-tuned (chat) version, or put its chat_template.jinja into the folder.",
    )


def render(template: ChatTemplate, messages: Sequence[Message], tools: Tools, *, add_generation_prompt: bool) -> str:
    """The conversation as the model reads it; encode() turns it into tokens.

    messages  turns in the OpenAI format; content may be text, text parts, or absent beside `tool_calls`
    tools     OpenAI tools or bare functions; in the system turn, one a line, where the template has no place for them

    Raises UserError where a turn is not text, or the template refuses the order of the turns.
    """
    turns = [_plain(template, message) for message in messages]
    native = bool(tools) and template.takes_tools
    if tools and not native:
        turns = _with_system(turns, template.marks.said("system", tools_text(tools)))
    if turns and turns[0]["role"] == "system" and not template.takes_system:
        turns = _folded(turns)
    shown = [template.marks.fenced_all(wrapped_tool(tool)) for tool in tools] if native else None
    return template.apply(turns, shown, add_generation_prompt=add_generation_prompt)


def prompt_text(tokenizer: Any, messages: Sequence[Message], tools: Tools = ()) -> str:
    """The conversation up to where the assistant's answer begins."""
    return render(chat_template(tokenizer), messages, tools, add_generation_prompt=True)


def prompt_tokens(tokenizer: Any, messages: Sequence[Message], tools: Tools = ()) -> list[int]:
    """Token ids up to where the assistant's answer begins."""
    return encode(tokenizer, prompt_text(tokenizer, messages, tools))


def training_tokens(tokenizer: Any, messages: Sequence[Message], tools: Tools, answer: str) -> tuple[list[int], int]:
    """(ids, start): ids[:start] are exactly prompt_tokens(), ids[start:] the answer and the token that ends the turn, once.

    The completion continues the very prompt that is asked at evaluation, even where the template would write an answered turn in
    another way (reasoning models' empty thoughts). Raises UserError where it rewrites the earlier turns once the answer is there.
    """
    prompt = prompt_text(tokenizer, messages, tools)
    completion = _completion(chat_template(tokenizer), messages, tools, answer)
    start = encode(tokenizer, prompt)
    ids = encode(tokenizer, prompt + completion)
    if ids[: len(start)] != start:
        ids = start + encode(tokenizer, completion)
    if ids[-1] not in stop_tokens(tokenizer) or ids[len(start) :].count(ids[-1]) != 1:
        raise UserError(
            f"the chat template does not end an answer with one control token, but with {tokenizer.decode(ids[-1:])!r}",
            hint="Choose another base, or name its eos_token in tokenizer_config.json.",
        )
    return ids, len(start)


def opening(tokenizer: Any) -> str:
    """What must stand behind a prompt before an answer that is held to a form can begin: the end of a thought that the template
    opened, the name of the answer's channel. Mostly nothing. What is trained begins with it, so that the two are alike."""
    lead = chat_template(tokenizer).around[0]
    return "" if lead.isspace() else lead


def stop_tokens(tokenizer: Any) -> tuple[int, ...]:
    """Ids that end an answer: the template's end of turn, and the tokenizer's end of sequence."""
    template = chat_template(tokenizer)
    closing = template.marks.control.search(template.around[1])
    ids = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(closing.group()) if closing else None}
    return tuple(sorted(ids - {None}))


def tool_function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The {name, description, parameters} of an OpenAI tool or of a bare function."""
    return tool["function"] if isinstance(tool.get("function"), Mapping) else tool


def wrapped_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool in the OpenAI format."""
    return {"type": "function", "function": dict(tool_function(tool))}


def tools_text(tools: Tools) -> str:
    """Tools in words, for a template or a server that has no place for them."""
    lines = [canonical_json(dict(tool_function(tool))) for tool in tools]
    return "\n".join(["You can call these tools, each given as JSON:", *lines, CALL_FORMAT])


def calls_text(calls: Sequence[Mapping[str, Any]]) -> str:
    """Tool calls as the text that CALL_FORMAT asks for: one JSON object, or a list where there are several."""
    said = [{"name": call["function"]["name"], "arguments": _arguments(call["function"].get("arguments"))} for call in calls]
    return json.dumps(said[0] if len(said) == 1 else said, ensure_ascii=False)


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or OpenAI text parts; a part that is a thought is no text.

    Raises UserError for anything else.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and all(isinstance(part, Mapping) for part in content):
        said = without_thoughts(content)
        if all(isinstance(part.get("text"), str) for part in said):
            return "".join(part["text"] for part in said)
    raise Unaskable(
        "a message's content is neither text nor a list of text parts", hint="Only text is supported: no images, no audio."
    )


def with_tools_in_words(messages: Sequence[Message], tools: Tools) -> list[dict[str, Any]]:
    """The conversation with its tools written into the system turn."""
    return with_words(messages, tools_text(tools))


def with_words(messages: Sequence[Message], text: str) -> list[dict[str, Any]]:
    """The conversation with something more at the end of its system turn."""
    return _with_system([dict(message) for message in messages], text)


def _faults() -> tuple[type[Exception], ...]:
    """What a template that does not take a conversation raises."""
    from jinja2 import TemplateError

    return (TemplateError, TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError, IndexError, RecursionError)


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _plain(template: ChatTemplate, message: Message) -> dict[str, Any]:
    """One turn in the words that the template has."""
    turn = {key: value for key, value in message.items() if value is not None}
    turn |= {key: template.marks.said("user", turn[key]) for key in _NAMES if isinstance(turn.get(key), str)}
    calls = turn.pop("tool_calls", None)
    text = text_of(turn.get("content"))
    if calls and not template.takes_tool_calls:
        text = "\n".join(filter(None, [text, calls_text(calls)]))
    elif calls:
        turn["tool_calls"] = [_native_call(template, call) for call in calls]
    if text or "tool_calls" not in turn:
        turn["content"] = template.marks.said(turn["role"], text)
    if turn["role"] == "tool" and not template.takes_tool_results:
        return _user(turn["content"])
    return turn


def _native_call(template: ChatTemplate, call: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as an object: OpenAI sends them as text, which templates would quote a second time."""
    function = {"name": call["function"]["name"], "arguments": _arguments(call["function"].get("arguments"))}
    named = {key: template.marks.fenced_all(value) for key, value in call.items() if key != "function"}
    return {**named, "type": "function", "function": template.marks.fenced_all(function)}


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value if value is not None else {}
    try:
        return json.loads(value or "{}")
    except ValueError:
        return value


def _with_system(turns: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if turns and turns[0]["role"] == "system":
        joined = "\n\n".join(filter(None, [text_of(turns[0].get("content")), text]))
        return [{**turns[0], "content": joined}, *turns[1:]]
    return [{"role": "system", "content": text}, *turns]


def _folded(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The system turn's text at the head of the first user turn, for templates that refuse the role."""
    system, rest = turns[0]["content"], turns[1:]
    first = next((index for index, turn in enumerate(rest) if turn["role"] == "user"), None)
    if first is None:
        return [_user(system), *rest]
    joined = "\n\n".join(filter(None, [system, rest[first]["content"]]))
    return [*rest[:first], {**rest[first], "content": joined}, *rest[first + 1 :]]


def _completion(template: ChatTemplate, messages: Sequence[Message], tools: Tools, answer: str) -> str:
    """The text that follows the prompt: the answer (as the template would write it: some strip it) and the end of the turn."""
    full = render(template, [*messages, {"role": "assistant", "content": answer}], tools, add_generation_prompt=False)
    asked = render(template, messages, tools, add_generation_prompt=False)
    if not full.startswith(asked):
        raise UserError(
            "the base's chat template rewrites earlier turns once the answer is there: what is trained would not be what is asked",
            hint="Choose another base, or put a chat_template.jinja that keeps every turn as it was into its folder.",
        )
    lead, end = template.around
    said = template.marks.fenced(answer)
    return lead + (said if said in full[len(asked) :] else said.strip()) + end
