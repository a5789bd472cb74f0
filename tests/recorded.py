"""How five servers of chat completions behave: what they hold to, what they drop without a word, what they refuse.

Each is a function of what it is sent, for `stand_in.Server`'s script, and the pages that it shows beside.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stand_in import Server, completion

Sent = Mapping[str, Any]
Came = tuple[int, Any, dict[str, str], float]
PROSE = "Hello there! I am here to help with any question that you have."
PLAIN = {"model", "messages", "max_tokens", "temperature", "seed", "top_p"}


@dataclass(frozen=True)
class Recorded:
    """A server: what it answers, and what it shows. `model` is one that it has."""

    answer: Callable[[Sent], Came]
    model: str = "smol"
    pages: Mapping[str, Any] = field(default_factory=dict)

    def start(self, port: int = 0) -> Server:
        """It, over a real socket."""
        made = Server(port)
        made.script = [self.answer]
        made.pages = {path: (200, page) for path, page in self.pages.items()}
        return made


def said(body: Sent, text: str, *, tools_count: bool = False, tells: int = 0) -> Came:
    """A completion; `tells` is how many alternatives to a token it tells, `tools_count` whether tools take tokens."""
    words = sum(len(str(turn["content"]).split()) for turn in body["messages"])
    reply = completion(text)
    reply["usage"] = {"prompt_tokens": 10 + words + 40 * bool(tools_count and body.get("tools")), "completion_tokens": 5}
    if tells and body.get("logprobs"):
        reply["choices"][0]["logprobs"] = {"content": tokens(text, min(tells, body.get("top_logprobs", 0)))}
    return 200, reply, {}, 0.0


def tokens(text: str, alternatives: int) -> list[dict[str, Any]]:
    """A token a letter, each three times as likely as the next of its alternatives."""
    letters = "abcdefghijklmnopqrstuvwxyz"

    def entry(letter: str, rank: int) -> dict[str, Any]:
        return {"token": letter, "logprob": math.log(0.5) - rank * math.log(3), "bytes": list(letter.encode())}

    others = [[letter, *(other for other in letters if other != letter)][:alternatives] for letter in text]
    return [
        entry(letter, 0) | {"top_logprobs": [entry(other, rank) for rank, other in enumerate(row)]}
        for letter, row in zip(text, others, strict=True)
    ]


def schema_of(body: Sent) -> Any:
    return body.get("response_format", {}).get("json_schema", {}).get("schema")


def filled(schema: Mapping[str, Any]) -> Any:
    """The first value that a schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: filled(part) for name, part in schema.get("properties", {}).items()}
    return {"integer": 1, "number": 1.5, "boolean": True, "array": []}.get(str(schema.get("type")), "text")


def error(message: str, code: int = 400, **more: Any) -> Came:
    return code, {"error": {"message": message, "code": code, **more}}, {}, 0.0


def llama_cpp(body: Sent) -> Came:
    """Answers for any model; drops tools where the model's template shows none, and fields that it does not know."""
    words = sum(len(str(turn["content"]).split()) for turn in body["messages"])
    if words > 2048:
        return error(f"request ({words} tokens) exceeds the available context size (2048 tokens), try increasing it")
    if grammar := body.get("grammar"):
        return said(body, json.loads(grammar.partition("::= ")[2].split(" | ")[0]), tells=100)
    if schema := schema_of(body):
        return said(body, json.dumps(filled(schema), indent=2), tells=100)
    return said(body, PROSE, tells=100)


def vllm(body: Sent) -> Came:
    """Started without the flags for tools: it refuses them. Its grammar lets a model write white space."""
    if body["model"] != "smol":
        return error(f"The model `{body['model']}` does not exist. Valid aliases: smol.", 404, type="NotFoundError")
    if "tools" in body:
        return error(
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', type="BadRequestError"
        )
    if body.get("top_logprobs", 0) > 20:
        return error("Requested sample logprobs of 25, which is greater than max allowed: 20")
    if choice := body.get("structured_outputs", {}).get("choice"):
        return said(body, choice[0], tells=20)
    if schema := schema_of(body):
        return said(body, json.dumps(filled(schema)).replace(" ", "\n\n"), tells=20)
    return said(body, PROSE, tells=20)


def transformers_serve(body: Sent) -> Came:
    """Drops forms, tools and log-probabilities without a word; refuses fields that OpenAI has not."""
    if strange := set(body) - PLAIN - {"response_format", "tools", "logprobs", "top_logprobs"}:
        return 422, {"detail": f"Unexpected fields in the request: {strange}"}, {}, 0.0
    if body["model"] != "smol":
        return 400, {"detail": f"Server is pinned to 'smol'; requested '{body['model']}'."}, {}, 0.0
    return said(body, PROSE)


def litellm(body: Sent) -> Came:
    """A proxy before llama.cpp's server: it sends on what it does not know."""
    if body["model"] != "smol":
        return error(f"/chat/completions: Invalid model name passed in model={body['model']}. Call `/v1/models` to view them.")
    return llama_cpp(body)


def ollama(body: Sent) -> Came:
    """Holds to schemas, drops grammars; a model whose template has no tools refuses them."""
    if body["model"] not in ("smol", "smol:latest"):
        return error(f'model "{body["model"]}" not found, try pulling it first', 404, type="api_error")
    if "tools" in body:
        return error("registry.ollama.ai/library/smol:latest does not support tools", type="api_error")
    if schema := schema_of(body):
        return said(body, json.dumps(filled(schema)))
    return said(body, PROSE)


def _listed(**entry: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "smol", "object": "model", **entry}]}


SERVERS = {
    "llama.cpp": Recorded(
        llama_cpp,
        pages={
            "/v1/models": _listed(owned_by="llamacpp", aliases=["smol"], meta={"n_ctx": 2048, "n_ctx_train": 8192}),
            "/props": {"default_generation_settings": {"n_ctx": 2048}, "total_slots": 4},
        },
    ),
    "vllm": Recorded(vllm, pages={"/v1/models": _listed(owned_by="vllm", max_model_len=2048)}),
    "transformers": Recorded(transformers_serve),
    "litellm": Recorded(litellm, pages={"/v1/models": _listed(owned_by="openai")}),
    "ollama": Recorded(
        ollama,
        pages={
            "/v1/models": {"object": "list", "data": [{"id": "smol:latest", "owned_by": "library"}]},
            "/api/ps": {"models": [{"name": "smol:latest", "context_length": 4096}]},
        },
    ),
}
