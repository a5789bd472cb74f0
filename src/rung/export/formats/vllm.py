"""The adapter as vLLM serves it beside its base: the launch line, the chat template, and a request that asks as it was judged."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from rung.engine.bases.folder import read_template
from rung.export.agree import asked_of, base_folder, distance
from rung.export.base import Agreement, version_in
from rung.export.formats import baked, peft
from rung.export.nats import judged_in_int8
from rung.export.parts import opening_messages
from rung.export.subject import Subject
from rung.export.weights import no_adapter
from rung.types import Candidate

EXTRA = "peft"
READER = "peft"
CARRIES = frozenset({"adapters"})
SCRIPT, REQUEST, TEMPLATE, ADAPTER = "serve.sh", "request.json", "chat_template.jinja", "adapter"
PEFT_TYPE = "LORA"
# What --max-lora-rank takes (vLLM's MaxLoRARanks): an adapter's own rank, where it is another number, is served within the next.
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def fits(candidate: Candidate) -> str:
    """An adapter is needed; whether it is of low rank alone is seen when it is read."""
    return no_adapter(candidate)


def write(subject: Subject, folder: Path) -> None:
    """The adapter as it is where vLLM computes it so, else its baked copy. Raises UserError for what vLLM does not serve."""
    (folder / ADAPTER).mkdir()
    (baked if is_baked(subject) else peft).write(subject, folder / ADAPTER)
    template = read_template(base_folder(subject))
    text = template.get("default", "") if isinstance(template, dict) else template or ""
    (folder / TEMPLATE).write_text(text, "utf-8")
    (folder / SCRIPT).write_text(_script(subject, folder / ADAPTER), "utf-8")
    (folder / SCRIPT).chmod(0o755)
    (folder / REQUEST).write_text(json.dumps(_request(subject), indent=1, ensure_ascii=False) + "\n", "utf-8")


def check(subject: Subject, folder: Path) -> Agreement:
    """PEFT's logits with the adapter that the line names; vLLM itself is not started."""
    found = subject.registered
    words = launch_words(folder / SCRIPT)
    _, _, place = words[words.index("--lora-modules") + 1].partition("=")
    model = peft.loaded(subject, [folder / place])
    apart = distance(found.logits, asked_of(found.probes, lambda ids: model(input_ids=ids).logits))
    return Agreement(
        reader=f"{version_in('peft')}, vLLM not started",
        measure="largest difference of logits",
        value=apart.logits,
        limit=peft.LIMIT,
        rows=len(found.probes),
        about=found.about,
    )


def notes(subject: Subject) -> list[str]:
    """What was done for vLLM, and how it is asked."""
    count = len(subject.candidate.adapters)
    said = []
    if count > 1:
        said.append(f"vLLM answers with one adapter at a time: the {count} are one here, of all their ranks together.")
    elif is_baked(subject):
        said.append("The adapter is a baked copy: versions of vLLM take other scales for rsLoRA, rank_pattern or alpha_pattern.")
    said.append(f"{REQUEST} asks as it was judged; a request without its messages is answered without them.")
    return [*said, *judged_in_int8(subject)]


def is_baked(subject: Subject) -> bool:
    """Whether the adapter's own settings say more than alpha / r, there are several, or its modules are called otherwise than the
    base's own: of a model that also sees, vLLM passes over those that it does not find, and answers with the base alone.

    Raises UserError for what is more than low rank.
    """
    from rung.export.tensors.low_rank import refuse_more
    from rung.export.tensors.read import read_stack

    adapters = read_stack(subject).adapters
    refuse_more(adapters)
    if len(adapters) > 1:
        return True
    files = adapters[0].files
    more = ("use_rslora", "rank_pattern", "alpha_pattern", "layers_to_transform", "exclude_modules")
    named = isinstance(files.settings.get("target_modules"), list)
    called = any(files.called(path) != path for path in adapters[0].read.effects)
    return called or not named or files.settings["peft_type"] != PEFT_TYPE or any(files.settings.get(key) for key in more)


def served_name(subject: Subject) -> str:
    """`name@` and the beginning of the Candidate's id: another Candidate is never answered with under it."""
    return f"{subject.version.name}@{subject.candidate.id[:12]}"


def launch_words(script: Path) -> list[str]:
    """The words of the launch line, as a shell reads them."""
    line = script.read_text("utf-8").replace("\\\n", " ").split("exec ", 1)[1]
    return shlex.split(line)


def _script(subject: Subject, adapter: Path) -> str:
    rank = int(_settings(adapter)["r"])
    most = next((allowed for allowed in RANKS if allowed >= rank), None)
    if most is None:
        from rung.errors import UserError

        hint = "Export the whole model instead, with the adapter in its weights."
        raise UserError(f"vLLM serves ranks up to {RANKS[-1]}, and the adapter's is {rank}", hint=hint)
    name, revision = _base(subject)
    options = {
        "--revision": revision,
        "--enable-lora": None,
        "--max-lora-rank": str(most),
        "--lora-modules": f"{served_name(subject)}=./{ADAPTER}",
        "--chat-template": f"./{TEMPLATE}",
        "--override-generation-config": '{"temperature": 0.0}',
    }
    words = [f"{key} {shlex.quote(value)}" if value else key for key, value in options.items() if value != ""]
    lines = " \\\n  ".join([f"exec vllm serve {shlex.quote(name)}", *words, '"$@"'])
    return f'#!/bin/sh\n# {subject.ref}, by the name {served_name(subject)}.\ncd "$(dirname "$0")" || exit 1\n{lines}\n'


def _base(subject: Subject) -> tuple[str, str]:
    """As vLLM finds it: a name on the hub and its revision, else a folder of this machine."""
    reference = subject.candidate.base_reference
    if reference.kind == "hf":
        return reference.name, reference.version
    return str(base_folder(subject).resolve()), ""


def _request(subject: Subject) -> dict[str, Any]:
    """The body of POST /v1/chat/completions; what is asked takes the last message's place."""
    candidate = subject.candidate
    asked = {"role": "user", "content": "..."}
    messages = [*opening_messages(candidate, subject.blobs), asked]
    return {"model": served_name(subject), "messages": messages, "max_tokens": candidate.max_tokens, "temperature": 0}


def _settings(adapter: Path) -> dict[str, Any]:
    from rung.engine.local.peft.files import read_settings

    return read_settings(adapter)
