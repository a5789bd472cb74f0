"""`rung stack`: adapters on one base, each times its weight, as one adapter that does the same; registered as a claim.

Their sum is exact, whatever their ranks: a product gains sum_i w_i B_i A_i x = [w_1 B_1, w_2 B_2, ...] [A_1; A_2; ...] x (PEFT's
combination `cat`), in float32. So what was tried live can be judged, exported and promoted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.progress import Silent
from rung.registry.names import Evidence, check_name
from rung.registry.refs import NAME
from rung.types import Candidate, Progress

if TYPE_CHECKING:
    from rung.engine.local.adapted import ModuleEffect
    from rung.engine.local.adapter import Loaded
    from rung.registry.home import Home

RUNG = "stacked"
LARGEST = 4.0
_HINT = "Write each as NAME@VERSION:WEIGHT, such as tone@3:0.7"


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A version, and how often its adapters count."""

    ref: str
    weight: float

    @classmethod
    def read(cls, text: str) -> Weighed:
        """`tone@3:0.7`, or `tone@3` for once. Raises UserError."""
        ref, _colon, number = text.rpartition(":") if ":" in text else (text, "", "1")
        name, _, which = ref.partition("@")
        if not NAME.fullmatch(name) or (which and not NAME.fullmatch(which)) or ref.endswith("@"):
            raise UserError(f"'{text}' names no version", hint=_HINT)
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight) or abs(weight) > LARGEST or not weight:
            raise UserError(f"'{number}' is no weight: a number within -{LARGEST:g} and {LARGEST:g}, not 0", where=text, hint=_HINT)
        return cls(ref=ref, weight=weight)


@dataclass(frozen=True, kw_only=True)
class Stacked:
    """What was registered: the version, its Candidate, the parts as they were resolved, and the digest of the one adapter."""

    version: str
    candidate: Candidate
    parts: tuple[Weighed, ...]
    adapter: str
    claimed: str


def stack(parts: Sequence[Weighed], name: str, home: Home, progress: Progress | None = None) -> Stacked:
    """Registers the sum of versions' adapters as the next version of `name`, CLAIMED. All but the adapters is the first part's.

    Raises UserError for versions without adapters, on several bases, or whose adapters are more than updates of low rank.
    """
    check_name(name)
    versions = [_version(home, part) for part in parts]
    resolved = tuple(Weighed(ref=ref, weight=part.weight) for part, (ref, _) in zip(parts, versions, strict=True))
    if len({one.ref for one in resolved}) < len(resolved):
        raise UserError("a version is named twice", hint="Add its weights up.")
    first = versions[0][1]
    weights = _weights(resolved, [candidate for _, candidate in versions])
    with home.blobs.scratch() as scratch:
        digest = home.blobs.put_tree(_summed(first.base, weights, home, scratch / "sum", progress or Silent()))
    claimed = "the sum of " + " and ".join(f"{one.ref} x {one.weight:g}" for one in resolved)
    candidate = replace(first, rung=RUNG, adapters=(digest,), parent=None)
    with home.together():
        home.candidates.add(candidate, "")
        ref = home.names.register(name, candidate.id, Evidence(claimed=claimed))
        home.stackings.enter(first.base, list(weights.items()), ref, digest)
    return Stacked(version=ref, candidate=candidate, parts=resolved, adapter=digest, claimed=claimed)


def _version(home: Home, part: Weighed) -> tuple[str, Candidate]:
    version = home.names.find(part.ref)
    if version is None:
        raise UserError(f"nothing is registered as '{part.ref}'", hint="`rung ls` lists what is.")
    candidate = home.candidates.get(version.candidate)
    if not candidate.adapters:
        raise UserError(f"{version.ref} has no adapter that could be added up", hint="Name what the adapter rung made (`rung ls`).")
    return version.ref, candidate


def _weights(parts: Sequence[Weighed], candidates: Sequence[Candidate]) -> dict[str, float]:
    """By adapter, how often it counts: what all begin with once, the rest as its version."""
    first = candidates[0]
    for part, candidate in zip(parts, candidates, strict=True):
        if _base_of(candidate) != _base_of(first):
            raise UserError(f"{part.ref} is on another base than {parts[0].ref}", hint="Only adapters on one base can be added up.")
    alike = 0
    if len(candidates) > 1:
        while all(len(one.adapters) > alike for one in candidates) and len({one.adapters[alike] for one in candidates}) == 1:
            alike += 1
    weights = dict.fromkeys(first.adapters[:alike], 1.0)
    for part, candidate in zip(parts, candidates, strict=True):
        for digest in candidate.adapters[alike:]:
            if digest in weights:
                raise UserError(f"{part.ref} shares an adapter with another part", hint="Name versions that were trained apart.")
            weights[digest] = part.weight
    return weights


def _base_of(candidate: Candidate) -> tuple[str, str]:
    """What it is the same base by, whatever it is called."""
    base = candidate.base_reference
    return base.pin or base.bare, base.weights


def _summed(base: str, weights: Mapping[str, float], home: Home, target: Path, progress: Progress) -> Path:
    """Writes the one adapter to a folder."""
    import torch
    from safetensors.torch import save_file

    from rung.admission.adapter import shape_of
    from rung.engine.bases.resolve import resolve
    from rung.engine.local.adapter import BaseName, load_adapter
    from rung.engine.local.peft.files import SETTINGS_FILE, TENSORS_FILE

    found = resolve(base, home.path, blobs=home.blobs, progress=progress)
    shape = shape_of(found.folder) if found.folder is not None and found.kind == "local" else None
    if found.folder is None or shape is None:
        raise UserError(
            "the shape of the base is not known without its weights", where=base, hint="Ask for the stack live instead."
        )
    downs: dict[str, list[torch.Tensor]] = {}
    ups: dict[str, list[torch.Tensor]] = {}
    for digest, weight in weights.items():
        for path, effect in _plain(load_adapter(home.blobs.local(digest), shape, torch.device("cpu")), digest).items():
            assert effect.down is not None
            assert effect.up is not None
            downs.setdefault(path, []).append(effect.down.float())
            ups.setdefault(path, []).append(effect.up.float() * weight)
    tensors = {}
    for path in sorted(downs):
        tensors[f"base_model.model.{path}.lora_A.weight"] = torch.cat(downs[path]).contiguous()
        tensors[f"base_model.model.{path}.lora_B.weight"] = torch.cat(ups[path], dim=1).contiguous()
    target.mkdir(parents=True)
    save_file(tensors, str(target / TENSORS_FILE), metadata={"format": "pt"})
    named = BaseName.of(base, found.folder)
    settings = _settings({path: sum(len(part) for part in parts) for path, parts in downs.items()}, named.name, named.revision)
    (target / SETTINGS_FILE).write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", "utf-8")
    return target


def _plain(loaded: Loaded, digest: str) -> Mapping[str, ModuleEffect]:
    """What an adapter does to each module. Raises UserError where that is more than an update of low rank."""
    read = loaded.read
    low_rank = all(effect.is_low_rank and effect.down is not None and effect.up is not None for effect in read.effects.values())
    if read.own or read.ends or loaded.embed or not low_rank:
        problem = f"the adapter {digest[:12]} is more than updates of low rank (lengths, scales, biases, whole modules, embeddings)"
        raise UserError(problem, hint="Such a one can be asked for live, or merged into its base where it was trained.")
    return read.effects


def _settings(ranks: Mapping[str, int], base: str, revision: str | None) -> dict[str, Any]:
    """PEFT's, with a scale of 1 at every module's rank."""
    most = max(ranks.values())
    patterns = {"^" + path.replace(".", r"\."): rank for path, rank in ranks.items() if rank != most}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "base_model_name_or_path": base,
        "revision": revision,
        "r": most,
        "lora_alpha": most,
        "lora_dropout": 0.0,
        "use_rslora": False,
        "bias": "none",
        "target_modules": sorted(ranks),
        "rank_pattern": patterns,
        "alpha_pattern": patterns,
    }
