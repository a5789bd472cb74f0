"""Which files of what is brought are taken, which are known and left where they are, and that there may be no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from rung.admission.limits import Limits
from rung.engine.backend import ADAPTER_FILES
from rung.engine.bases.folder import TOKENIZER_FILES

# Beside an adapter: what says on which base, tokens and template it was trained.
_SETTINGS_BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
# What trainers, hubs and people write about one: no answer changes by it, and nothing here reads it.
_ABOUT: tuple[str, ...] = (
    "*.md",
    "LICENSE*",
    "LICENCE*",
    "NOTICE*",
    "USE_POLICY*",
    ".gitattributes",
    ".gitignore",
    ".DS_Store",
    "Modelfile",
    "export.json",
)
_ABOUT += ("trainer_state.json", "trainer_log.jsonl", "all_results.json", "train_results.json", "eval_results.json")
_FOLDERS_ABOUT = (".git", ".cache", "runs")


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """taken  patterns of names to the most bytes that such a file may have
    left      patterns of names that are left where they are; `left_folders` names of folders that nobody looks into
    """

    taken: Mapping[str, int]
    left: tuple[str, ...] = ()
    left_folders: tuple[str, ...] = ()

    def limit(self, name: str) -> int | None:
        """The most bytes of a file of this name; None where it is not taken."""
        return next((limit for pattern, limit in self.taken.items() if fnmatchcase(name, pattern)), None)

    def is_left(self, name: str) -> bool:
        """Whether a file of this name is known, and left where it is."""
        return any(fnmatchcase(name, pattern) for pattern in self.left)

    def leaves_folder(self, name: str) -> bool:
        """Whether nobody looks into a folder of this name."""
        return name in self.left_folders


def adapter_files(limits: Limits) -> Allowed:
    """A folder as PEFT's save_pretrained writes it, or this program, with the tokenizer that trainers put beside it."""
    settings, tensors = ADAPTER_FILES
    beside = (*TOKENIZER_FILES, *_SETTINGS_BESIDE, *_TEMPLATES, "generation_config.json", "rung.json")
    taken = {settings: limits.text, tensors: limits.tensors, **dict.fromkeys(beside, limits.json)}
    return Allowed(taken=taken, left=_ABOUT, left_folders=_FOLDERS_ABOUT)
