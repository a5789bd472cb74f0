"""A question and what is to answer it -> the Candidate and the Example that `engine.answer` is asked with.

What a client asks for beside its question holds where it can be had. What the Candidate cannot do is refused by its name: an answer
that is quietly another than the one asked for is worse than none.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.engine.caller import Caller, Sampling
from rung.engine.tools.schema import answer_schema, call_schema
from rung.parts import CallConstraint, ChoiceConstraint, Constraint, SchemaConstraint
from rung.serve.types import Asked, Refused, Served, caller_of
from rung.types import Answer, Candidate, Example

AUTO, NONE, REQUIRED = "auto", "none", "required"
ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What `engine.answer` is asked.

    flows    whether its pieces may go out as they come: they are the beginning of its answer, and nothing changes it afterwards
    departs  in what it departs from the way in which its evaluation asked, in the client's words; empty where it is the same
    """

    candidate: Candidate
    example: Example
    caller: Caller
    flows: bool
    departs: tuple[str, ...]


def question_of(asked: Asked, served: Served, caller: Caller) -> Question:
    """Raises Refused for what this Candidate cannot be asked."""
    candidate = served.candidate
    _refuse_impossible(asked, candidate, caller.sampling)
    held = _held(asked, candidate)
    tools = () if asked.choice == NONE else asked.tools
    flows = candidate.tools is None and candidate.calibration is None and not isinstance(held, ChoiceConstraint)
    return Question(
        candidate=replace(candidate, constraint=held),
        example=Example(id=asked.id, messages=asked.messages, tools=tools),
        caller=caller_of(asked, served, caller),
        flows=flows and not candidate.base_reference.is_linear,
        departs=departures(asked, served, caller.sampling, held),
    )


def departures(asked: Asked, served: Served, sampling: Sampling, held: Constraint | None) -> tuple[str, ...]:
    """In what a question departs from how its evaluation asked: sampling, limits, a form of the client's own, a stack."""
    candidate = served.candidate
    told = {
        "temperature": sampling.temperature != 0,
        "max_tokens": sampling.max_tokens not in (None, candidate.max_tokens),
        "stop": bool(sampling.stop),
        "response_format": held != candidate.constraint and asked.constraint is not None,
        "tool_choice": asked.choice != AUTO and bool(asked.tools),
        "adapters": bool(served.parts) or any(weight != 1.0 for weight in served.weights),
    }
    return tuple(word for word, departs in told.items() if departs)


def with_hint(asked: Asked, hint: str) -> Asked:
    """The same question with something more behind it."""
    if not hint:
        return asked
    last = max((place for place, turn in enumerate(asked.messages) if turn["role"] == "user"), default=None)
    if last is None:
        return replace(asked, messages=(*asked.messages, {"role": "user", "content": hint}))
    turn = asked.messages[last]
    said = {**turn, "content": f"{turn.get('content') or ''}\n\n{hint}"}
    return replace(asked, messages=(*asked.messages[:last], said, *asked.messages[last + 1 :]))


def settled(answer: Answer, candidate: Candidate, sampling: Sampling) -> Answer:
    """An answer as the client's sampling wants it, where nothing of a model's tokens was drawn: a choice by its probability, and
    the end before a stop. What a model drew by itself is left as it is."""
    if answer.logprobs and sampling.temperature > 0:
        bias = candidate.calibration.bias if candidate.calibration else {}
        logs = {choice: log + bias.get(choice, 0.0) for choice, log in answer.logprobs.items()}
        answer = replace(answer, text=_drawn(logs, sampling))
    places = [place for stop in sampling.stop if (place := answer.text.find(stop)) >= 0]
    return replace(answer, text=answer.text[: min(places)], finish_reason="stop") if places else answer


def _drawn(logs: dict[str, float], sampling: Sampling) -> str:
    """A choice by its probability at a temperature, among the likeliest that together have `top_p`."""
    most = max(logs.values())
    weights = {choice: math.exp((log - most) / sampling.temperature) for choice, log in logs.items()}
    whole, kept, so_far = sum(weights.values()), list[str](), 0.0
    for choice in sorted(weights, key=lambda one: -weights[one]):
        kept.append(choice)
        so_far += weights[choice] / whole
        if so_far >= sampling.top_p:
            break
    return random.Random(sampling.seed).choices(kept, [weights[choice] for choice in kept])[0]


def _refuse_impossible(asked: Asked, candidate: Candidate, sampling: Sampling) -> None:
    linear = candidate.base_reference.is_linear
    if asked.tools and candidate.tools is not None:
        raise _cannot("this model calls tools of its own, and takes none from a client", "tools")
    if asked.tools and linear:
        raise _cannot("this model is a linear model, which calls no tools", "tools")
    if asked.constraint is not None and linear:
        raise _cannot("this model is a linear model, which answers in its own form", "response_format")
    if linear and not any(turn["role"] == "user" for turn in asked.messages):
        raise _cannot("this model reads what a user says, and no message is a user's", "messages")
    if sampling.top_logprobs is not None and candidate.tools is not None:
        raise _cannot("this model calls tools on the way to its answer; it tells no log-probabilities", "logprobs")
    if not asked.tools and asked.choice not in (AUTO, NONE):
        raise _cannot("tool_choice asks for a call, and no tools are given", "tool_choice")


def _held(asked: Asked, candidate: Candidate) -> Constraint | None:
    """What the answer is held to: the Candidate's own form, or the client's where it has none."""
    own = candidate.constraint
    if asked.constraint is not None:
        if asked.choice not in (AUTO, NONE):
            raise _cannot("response_format asks for one form of the answer and tool_choice for another", "response_format")
        return _either(own, asked.constraint)
    if asked.choice == AUTO:
        return own
    if asked.choice == NONE:
        if isinstance(own, CallConstraint) and asked.tools:
            raise _cannot("this model answers with calls of tools", "tool_choice")
        return own
    if own is None or isinstance(own, CallConstraint):
        return SchemaConstraint(schema=_calls(asked, own))
    raise _cannot("this model answers in a form of its own, and cannot be made to call a tool", "tool_choice")


def _calls(asked: Asked, own: CallConstraint | None) -> dict[str, object]:
    """The schema of the calls that a tool_choice asks for."""
    if asked.choice == REQUIRED:
        return answer_schema(asked.tools, replace(own or CallConstraint(), none=False))
    named = [function for function in functions(asked.tools) if function["name"] == asked.choice]
    if not named:
        raise _cannot(f"tool_choice names '{asked.choice[:80]}', which is not among the tools", "tool_choice")
    return call_schema(named[0])


def functions(tools: Sequence[object]) -> list[dict[str, object]]:
    """The functions of tools in OpenAI's form."""
    return [dict(tool["function"]) for tool in tools if isinstance(tool, dict) and isinstance(tool.get("function"), dict)]


def _either(own: Constraint | None, wanted: Constraint) -> Constraint:
    """The form that both ask for. Raises Refused where there is none."""
    if own is None or own == wanted:
        return wanted
    any_object = isinstance(wanted, SchemaConstraint) and dict(wanted.schema) == ANY_OBJECT
    if any_object and isinstance(own, SchemaConstraint) and own.schema.get("type") == "object":
        return own
    raise _cannot("this model answers in a form of its own, which is another than the one asked for", "response_format")


def _cannot(problem: str, param: str) -> Refused:
    return Refused(400, f"{problem[0].upper()}{problem[1:]}.", param=param, code="unsupported_value")
