"""What a Modelfile amounts to here: what can be kept is kept, and of each line that cannot, it is said why."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from rung.admission.incoming import Incoming, Turn, whole_number
from rung.admission.modelfile import Instruction, parse
from rung.admission.places import name_problem
from rung.errors import UserError, did_you_mean
from rung.escapes import quoted

_GREEDY = "an answer here is the likeliest, word by word"
_ENDS = "an answer ends where the base's own chat template ends it"
_LENGTH = "the base's own context is used"
_MACHINE = "it is about the machine, not about answers"
_LOST = dict.fromkeys(("top_k", "top_p", "min_p", "typical_p", "tfs_z", "seed", "temperature"), _GREEDY)
_LOST |= dict.fromkeys(("repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "penalize_newline"), _GREEDY)
_LOST |= dict.fromkeys(("mirostat", "mirostat_tau", "mirostat_eta"), _GREEDY)
_LOST |= {
    "stop": _ENDS,
    **dict.fromkeys(("num_ctx", "num_keep", "rope_frequency_base", "rope_frequency_scale", "num_gqa"), _LENGTH),
}
_LOST |= dict.fromkeys(
    ("num_gpu", "main_gpu", "num_batch", "num_thread", "num_thread_batch", "low_vram", "f16_kv", "numa"), _MACHINE
)
_LOST |= dict.fromkeys(("use_mmap", "use_mlock", "vocab_only", "logits_all", "embedding_only", "draft_num_predict"), _MACHINE)
MOST, TEMPERATURE = "num_predict", "temperature"
_NAMES_FILE = re.compile(r"^[./~\\]|^[A-Za-z]:[\\/]|\\|\.(?:gguf|bin|safetensors|pt|pth)$", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_OUTSIDE = "A Modelfile from elsewhere opens nothing outside of its own folder: {way}."


def read_modelfile(text: str, path: Path, *, own_base: bool) -> Incoming:
    """`path`: of the Modelfile, whose folder it may not lead out of. Raises UserError, with the line.

    own_base  whether the model that FROM names is wanted; another is given where it is not
    """
    where, name = str(path), path.name
    reading = _Reading(folder=path.parent, where=where, own_base=own_base)
    for instruction in parse(text, where):
        reading.take(instruction)
    return reading.incoming(name)


@dataclass(kw_only=True)
class _Reading:
    folder: Path
    where: str
    own_base: bool
    base: str = ""
    named: str = ""
    adapter: Path | None = None
    most: int | None = None
    claims: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    system: Instruction | None = None
    messages: list[Instruction] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def take(self, said: Instruction) -> None:
        match said.name:
            case "FROM":
                self._once(said, "Weights in pieces are joined first; a model has one base.")
                self._from(said)
            case "ADAPTER":
                self._once(said, "Merge them first, or import one.")
                self.adapter = self._adapter(said)
            case "SYSTEM":
                if self.system:
                    self._lose(self.system, f"that of line {said.line} takes its place")
                self.system = said
            case "MESSAGE":
                self.messages.append(said)
            case "PARAMETER":
                self._parameter(said)
            case "LICENSE":
                self.claims.append(f"licence {quoted(said.value.strip())}")
            case "TEMPLATE":
                self._lose(said, "prompts are put together by the base's own chat template")
            case _:
                self._lose(said, "it is about Ollama's own programs")

    def incoming(self, name: str) -> Incoming:
        prompt, turns = self._conversation()
        claimed = ", ".join([f"the Ollama Modelfile {quoted(name)}", *self.claims])
        if not (prompt or turns or self.adapter):
            hint = "A version is a prompt, demonstrations or an adapter on a base. The base alone is named where it is used."
            raise UserError("it has no SYSTEM, no MESSAGE and no ADAPTER: nothing to register", where=self.where, hint=hint)
        return Incoming(
            prompt=prompt,
            turns=turns,
            max_tokens=self.most,
            base=self.base,
            named=self.named,
            adapter=self.adapter,
            claimed=claimed,
            notes=tuple(self.notes),
        )

    def _from(self, said: Instruction) -> None:
        self.claims.append(f"from {quoted(said.value)}")
        if not self._is_file(said.value):
            self.named = said.value.strip()
        elif self.own_base:
            self.base = str(self._inside(said, "name the model yourself, with --base"))
        else:
            self._lose(said, "--base answers")

    def _adapter(self, said: Instruction) -> Path:
        path = self._inside(said, "put the adapter's folder beside it, or import the adapter by itself")
        if path.is_file() and path.suffix == ".safetensors":
            path = path.parent
        if path.is_dir():
            return path
        what = "is no folder of PEFT's" if path.exists() else "is not there"
        hint = "Name the folder with adapter_config.json and adapter_model.safetensors (GGUF adapters are made of such ones)."
        raise UserError(f"ADAPTER {quoted(said.value)} {what}", where=self._at(said), hint=hint)

    def _parameter(self, said: Instruction) -> None:
        value = said.value.strip()
        if said.key == MOST:
            if value in ("-1", "-2"):
                self._lose(said, "an answer here always has an end")
            else:
                self.most = whole_number(value, MOST, self._at(said))
        elif said.key == TEMPERATURE and _is_zero(value):
            pass  # as answers are made here
        elif said.key in _LOST:
            self._lose(said, _LOST[said.key])
        else:
            hint = did_you_mean(said.key, (*_LOST, MOST))
            raise UserError(f"unknown PARAMETER {quoted(said.key)}", where=self._at(said), hint=hint)

    def _conversation(self) -> tuple[str, tuple[Turn, ...]]:
        """The system message, and pairs of question and answer; what has no place in them is told of."""
        prompt = self.system.value.strip() if self.system else ""
        turns: list[Turn] = []
        asked: Instruction | None = None
        for said in self.messages:
            if said.key == "system":
                if prompt or turns or asked:
                    self._lose(said, "there is one system message, and it stands first")
                else:
                    prompt = said.value.strip()
            elif said.key == "user":
                if asked:
                    self._lose(asked, "no answer follows it")
                asked = said
            elif asked is None:
                self._lose(said, "no question stands before it")
            else:
                turns.append(Turn(user=asked.value, assistant=said.value))
                asked = None
        if asked:
            self._lose(asked, "no answer follows it")
        return prompt, tuple(turns)

    def _is_file(self, value: str) -> bool:
        return bool(_NAMES_FILE.search(value)) or (not name_problem(value) and (self.folder / value).exists())

    def _inside(self, said: Instruction, way: str) -> Path:
        """The path within the Modelfile's folder that a line names. Raises UserError for one that leads out of it, or is a link."""
        value = said.value.strip()
        hint = _OUTSIDE.format(way=way)
        bare = re.sub(r"^(?:\./)+", "", value) or "."
        problem = "" if bare == "." else "a path into a person's home" if bare[0] == "~" else name_problem(bare.rstrip("/"))
        if problem:
            raise UserError(f"{said.name} {quoted(value)} is {problem}", where=self._at(said), hint=hint)
        path = self.folder / bare
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"{said.name} {quoted(value)} is a link out of the folder", where=self._at(said), hint=hint)
        return path

    def _once(self, said: Instruction, hint: str) -> None:
        first = self.seen.setdefault(said.name, said.line)
        if first != said.line:
            raise UserError(f"{said.name} stands twice, on line {first} and here", where=self._at(said), hint=hint)

    def _lose(self, said: Instruction, why: str) -> None:
        value = f"{said.key} {said.value}".strip()
        self.notes.append(f"Line {said.line}: {said.name} {quoted(value, 60)} is not kept: {why}.")

    def _at(self, said: Instruction) -> str:
        return f"{self.where}:{said.line}"


def _is_zero(value: str) -> bool:
    try:
        return float(value) == 0
    except ValueError:
        return False


def from_hint(named: str) -> str:
    """What to give as --base for a model that only Ollama knows by its name."""
    known = named if _PLAIN_NAME.fullmatch(named) else "llama3.2"
    on_hub = re.sub(r"^(?:https?://)?(?:hf\.co|huggingface\.co)/([^/:]+/[^/:]+).*$", r"hf:\1", known)
    here = f"{on_hub}, " if on_hub != known else "a folder, a .gguf file, pip:, hf:, "
    return f"Name the model, with --base: {here}or Ollama's own server: http://localhost:11434/v1#{known}."
