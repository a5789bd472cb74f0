"""An answer as OpenAI's bodies tell it: its text, its calls, its tokens. The same rules for a whole answer and for its pieces."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.calls import Call, calls_in
from rung.engine.caller import TokenLogprob
from rung.reply import read_reply
from rung.serve.door import Delivered
from rung.serve.question import NONE, functions
from rung.serve.types import Asked, Served
from rung.types import CUT_OFF, WITHHELD, Answer

# What a call may begin with, or what stands around one: all before it is said to the reader.
_MAY_CALL = re.compile(r"[{\[<`◁]")
_PLACE = re.compile(r"/|[A-Za-z]:[\\/]")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer, taken apart.

    text    what is said to the reader; None where nothing is but the calls
    call_ids  by which the client tells what came of each call
    refusal  what is told in the answer's place
    ending  OpenAI's finish_reason
    """

    text: str | None
    calls: tuple[Call, ...] = ()
    call_ids: tuple[str, ...] = ()
    refusal: str | None = None
    ending: str = "stop"


def new_id(kind: str) -> str:
    """`chatcmpl-` and the like, and what nobody can guess."""
    return f"{kind}{secrets.token_hex(12)}"


def may_call(asked: Asked) -> bool:
    """Whether an answer can be calls for the client to make."""
    return bool(asked.tools) and asked.choice != NONE


def prose_before(text: str) -> int:
    """How much of a text, from its beginning, cannot be a part of a call, whatever follows."""
    mark = _MAY_CALL.search(text)
    return len((text[: mark.start()] if mark else text).rstrip())


def said_of(delivered: Delivered, *, one_call: bool = False) -> Said:
    """What an answer is to its client. `one_call` lets only the first of several calls through."""
    if delivered.ending in ("withheld", "refused"):
        return Said(text=None, refusal=delivered.reason or "The answer was withheld.", ending="content_filter")
    answer, asked = delivered.answer, delivered.asked
    if delivered.ending == "held":
        return Said(text=answer.text)
    calls = _calls(answer, asked) if may_call(asked) else []
    if calls:
        text = answer.text[: prose_before(answer.text)]
        made = tuple(calls[:1] if one_call else calls)
        return Said(text=text or None, calls=made, call_ids=tuple(new_id("call_") for _ in made), ending="tool_calls")
    return Said(text=answer.text, ending=ending_of(answer))


def ending_of(answer: Answer) -> str:
    """OpenAI's word for why an answer of text ended."""
    return {CUT_OFF: "length", WITHHELD: "content_filter"}.get(answer.finish_reason, "stop")


def _calls(answer: Answer, asked: Asked) -> list[Call]:
    """The calls in an answer, by the one reader of calls; none where one is of no function at hand, or has a fault."""
    offered = {function["name"] for function in functions(asked.tools)}
    calls = calls_in(read_reply(answer.text).text)
    return calls if all(call.name in offered and not call.fault for call in calls) else []


def call_body(call: Call, id: str) -> dict[str, Any]:
    """A call for the client to make."""
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def call_bodies(said: Said) -> list[dict[str, Any]]:
    """All of them."""
    return [call_body(call, id) for call, id in zip(said.calls, said.call_ids, strict=True)]


def usage_of(answers: Sequence[Answer]) -> dict[str, Any] | None:
    """What answers to one prompt took; None where a figure is not known, which is never told as zero."""
    prompts = [answer.prompt_tokens for answer in answers]
    written = [answer.completion_tokens for answer in answers]
    if not answers or None in prompts or None in written:
        return None
    prompt, completion = prompts[0] or 0, sum(filter(None, written))
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if answers[0].cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": answers[0].cached_tokens}
    return usage


def tokens_of(answer: Answer, top: int) -> tuple[Mapping[str, Any], ...] | None:
    """The answer's tokens as chat completions tell them; of a choice, whose probability is known as a whole, the choice as one.
    None where nothing is known."""
    if answer.logprobs and answer.text in answer.logprobs:
        likeliest = sorted(answer.logprobs.items(), key=lambda pair: -pair[1])[:top]
        every = tuple((text, text.encode(), logprob) for text, logprob in likeliest)
        whole = TokenLogprob(text=answer.text, data=answer.text.encode(), logprob=answer.logprobs[answer.text], top=every)
        return (whole.told,)
    return answer.tokens or None


def beside(delivered: Delivered) -> dict[str, Any]:
    """What this server tells of an answer beside OpenAI's fields, under `rung`: what answered, and what happened on the way."""
    served, answer = delivered.served, delivered.answer
    told: dict[str, Any] = {"model": served.ref, "candidate": served.candidate.id, "adapters": adapters_body(served)}
    told |= {"ending": delivered.ending} if delivered.ending != "answered" else {}
    told |= {"reason": delivered.reason} if delivered.ending in ("withheld", "refused") else {}
    told |= {"held": delivered.reason} if delivered.ending == "held" else {}
    told |= {"departs": list(delivered.departs)} if delivered.departs else {}
    told |= {"calls": [_made(call) for call in answer.calls]} if answer.calls else {}
    told |= {"passages": [_passage(one) for one in answer.passages]} if answer.passages else {}
    return told


def adapters_body(served: Served) -> list[dict[str, Any]]:
    """The digest and the weight of each adapter."""
    return [{"digest": digest, "weight": weight} for digest, weight in served.adapters]


def _made(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call that was made on the way to the answer; what it gave stays with the model."""
    return {key: call[key] for key in ("name", "arguments", "outcome", "reason") if key in call}


def _passage(passage: Mapping[str, Any]) -> dict[str, Any]:
    """A passage that was to be cited; where a document lies on this machine is nobody's business."""
    source = str(passage.get("source", ""))
    kept = {**passage, "source": source.replace("\\", "/").rsplit("/", 1)[-1]} if _PLACE.match(source) else passage
    return dict(kept)


def headers_of(served: Served, fingerprint: str, departs: Sequence[str], id: str) -> dict[str, str]:
    """What every answer says of itself in its headers."""
    adapters = ", ".join(f"{digest};weight={weight:g}" for digest, weight in served.adapters)
    told = {
        "x-request-id": id,
        "x-rung-model": served.ref,
        "x-rung-candidate": served.candidate.id,
        "x-rung-fingerprint": fingerprint,
        "x-rung-adapters": adapters,
        "x-rung-departs": ", ".join(departs),
    }
    return {name: value for name, value in told.items() if value}


class Flow:
    """Lets out of an answer's pieces what can no longer change, so that all that went out is the whole answer's own text."""

    def __init__(self, *, calls: bool) -> None:
        self._calls, self._seen, self.out = calls, "", 0

    def take(self, text: str) -> str:
        """What of it may go out now."""
        self._seen += text
        upto = prose_before(self._seen) if self._calls else len(self._seen)
        freed, self.out = self._seen[self.out : upto], max(self.out, upto)
        return freed

    def rest(self, text: str) -> str:
        """What is still to go out of the whole. Raises ValueError where another text went out than it begins with."""
        if not text.startswith(self._seen[: self.out]):
            raise ValueError("the pieces of an answer are not its beginning")
        return text[self.out :]
