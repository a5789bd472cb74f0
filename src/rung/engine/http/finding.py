"""What the check of a server found: kept where the server's base is kept, and what every question to it is built from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rung.disk import write_whole
from rung.engine.backend import Request
from rung.engine.http.identity import UNKNOWN, ServerIdentity
from rung.json_form import LEFT_OUT, as_json, from_json
from rung.types import Answer

# `ignored`: taken without a word, and nothing came of it.
Held = Literal["held", "ignored", "refused", "unknown"]


@dataclass(frozen=True, kw_only=True)
class ServerFinding:
    """What a server does with what it is sent. Nothing in it is secret.

    software       what it says that it is; "" where it does not
    listed         whether the model stands in its own list of models; None where it shows none
    schema         whether an answer is held to a JSON schema in `response_format`
    own_form       the same for the very form that the task asks for; `unknown` where it asks for none
    choice         the field of its own for one of several answers, as `OWN_CHOICE` of `body` writes it; "" where it has none
    top_logprobs   how many alternatives to each token it tells with their log-probabilities; 0 for none
    tools          whether tools reach the model
    counts_tokens  whether it says how many tokens a question and its answer took
    context        tokens that a question and its answer may have together; None where it does not say
    seeds          whether the same seed gave the same answer twice; None where that could not be seen
    thinks         the model thinks before it answers, in tokens that count
    slots          how many questions it answers at a time; None where it does not say
    batches        whether it takes questions as a file (`/batches`); None where nobody asked for that
    without        fields that it refuses
    checked        when, ISO 8601; "" for a server that was never checked
    seconds        how long the check took
    requests       how many questions it cost
    identity       what it says of the model behind the name
    """

    software: str = ""
    listed: bool | None = None
    schema: Held = "unknown"
    own_form: Held = "unknown"
    choice: str = ""
    top_logprobs: int = 0
    tools: Held = "unknown"
    counts_tokens: bool | None = None
    context: int | None = None
    seeds: bool | None = None
    thinks: bool = False
    slots: int | None = None
    batches: bool | None = None
    without: tuple[str, ...] = ()
    checked: str = ""
    seconds: float = 0.0
    requests: int = 0
    identity: ServerIdentity = field(default=UNKNOWN, metadata=LEFT_OUT)

    @property
    def has_forms(self) -> bool:
        """Whether `response_format` is worth sending: it is held, or nobody has tried."""
        return self.schema in ("held", "unknown") and self.own_form in ("held", "unknown")

    @property
    def has_tools(self) -> bool:
        """Whether `tools` are worth sending."""
        return self.tools in ("held", "unknown")


UNCHECKED = ServerFinding()


# More bytes than any tokenizer packs into a token of text on average, white space included.
_BYTES_A_TOKEN = 8


def how_cut(request: Request, answer: Answer, finding: ServerFinding) -> str:
    """Says that a server read only a part of a question, where its count of tokens shows that; "" where it does not.

    Some servers (Ollama) cut what is longer than their context, or than half of it, without a word.
    """
    counted, context = answer.prompt_tokens, finding.context
    if counted is None or context is None or not context // 2 <= counted <= context:
        return ""
    size = len("".join(str(turn.get("content") or "") for turn in request.messages).encode("utf-8", "surrogatepass"))
    if size <= _BYTES_A_TOKEN * counted:
        return ""
    return f"the server cut the question to its context of {context:,} tokens: it read {counted:,} tokens of {size:,} bytes"


def keep_finding(folder: Path, digest: str, finding: ServerFinding) -> None:
    """Writes down what was found of the server whose base has this digest; every later question is built from it.

    Raises BrokenEnvironment where the disk refuses.
    """
    write_whole(_place(folder, digest), json.dumps(as_json(finding), indent=1))


def kept_finding(folder: Path, digest: str) -> ServerFinding | None:
    """What was found of a server when it was last checked; None where it never was, or by a version that wrote another form."""
    try:
        return from_json(ServerFinding, json.loads(_place(folder, digest).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place(folder: Path, digest: str) -> Path:
    return folder / "servers" / f"{digest}.json"


def finding_rows(finding: ServerFinding) -> list[tuple[str, str]]:
    """What was found, (what, how it is), for a table."""
    ways = {
        "held": "held",
        "ignored": "ignored: taken without a word, the form is put in words instead",
        "refused": "refused: the form is put in words instead",
        "unknown": "not known",
    }
    tools = {
        "held": "reach the model",
        "ignored": "do not reach the model: they are put in words instead",
        "refused": "refused: they are put in words instead",
        "unknown": "not known",
    }
    own = [("the task's own form", ways[finding.own_form])] if finding.own_form != "unknown" else []
    alternatives = f"yes, of {finding.top_logprobs} alternatives" if finding.top_logprobs else "none"
    return [
        ("server", finding.software or "does not say"),
        ("model", {True: "in its list", False: "not in its list, answers all the same", None: "it shows no list"}[finding.listed]),
        ("JSON schemas", ways[finding.schema]),
        *own,
        ("choices", f"by its own {finding.choice}" if finding.choice else _chosen(finding)),
        ("log-probabilities", alternatives),
        ("tools", tools[finding.tools]),
        ("token counts", "told" if finding.counts_tokens else "not told: what an answer costs is counted at its most"),
        ("context", f"{finding.context:,} tokens" if finding.context else "does not say"),
        ("seeds", {True: "the same answer twice", False: "another answer each time", None: "could not be seen"}[finding.seeds]),
        *([("batches", "taken" if finding.batches else "none")] if finding.batches is not None else []),
        *([("thoughts", "the model thinks first")] if finding.thinks else []),
        *([("refuses", ", ".join(finding.without))] if finding.without else []),
    ]


def _chosen(finding: ServerFinding) -> str:
    return "as a JSON schema" if finding.has_forms else "in words"


def finding_notes(finding: ServerFinding) -> Sequence[str]:
    """What of it changes how a task is asked, or what is to be believed of it: a sentence each."""
    notes = []
    if finding.listed is False:
        notes.append("The server answers for a model that is not in its own list: what answers may be another one.")
    if not finding.has_forms:
        what = "JSON schemas" if finding.schema in ("ignored", "refused") else "the form that this task asks for"
        way = "ignores" if "ignored" in (finding.schema, finding.own_form) else "refuses"
        notes.append(f"The server {way} {what}: the form is put in words, and an answer may break it.")
    if finding.tools in ("ignored", "refused"):
        why = "takes tools and does not show them to the model" if finding.tools == "ignored" else "refuses tools"
        notes.append(f"The server {why}: they are put in words.")
    if not finding.top_logprobs:
        notes.append("The server tells no log-probabilities: choices are not calibrated.")
    if finding.seeds is False:
        notes.append("The server gives another answer to the same seed: samples cannot be repeated.")
    return notes
