"""A folder's tokenizer, loaded once for each state of its files, and whether it and the weights speak of the same tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import read_json
from rung.engine.bases.folder import ANSWER_FILES, read_template
from rung.engine.bases.quiet import quiet
from rung.engine.chat import prompt_text, stop_tokens
from rung.engine.encoding import encode
from rung.engine.local.remote_code import runs_own_code
from rung.errors import UserError

# How libraries that tokenizers are read by are called in what transformers says without them, and what pip calls them.
_LIBRARIES = {
    "sentencepiece": "sentencepiece",
    "tiktoken": "tiktoken",
    "mistral-common": "mistral-common",
    "mistral_common": "mistral-common",
    "protobuf": "protobuf",
    "jieba": "jieba",
    "fugashi": "fugashi ipadic",
    "sudachi": "sudachipy sudachidict_core",
    "sacremoses": "sacremoses",
    "blobfile": "blobfile",
    "pythainlp": "pythainlp",
}
_JSON_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json")
_PROBE = "The quick brown fox jumps over 12 lazy dogs"


def load_tokenizer(folder: Path) -> Any:
    """As transformers' AutoTokenizer does, from the folder's files alone, without running code from it unless the base's may run.

    Raises UserError for files that are damaged, a library that is not installed, code of its own, and one that keeps nothing of a
    text.
    """
    return _loaded(folder.resolve(), tuple(_stats(folder)), runs_own_code(folder))


def refuse_strangers(tokenizer: Any, vocabulary: int, folder: Path) -> None:
    """Raises UserError for a tokenizer that says what the weights have no row for, or knows no end of an answer.

    A token that the tokenizer keeps for structure and that nothing writes (a padding token that was added alone) may have none.
    """
    special = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    beyond = {index: token for token, index in tokenizer.get_vocab().items() if index >= vocabulary}
    where = str(folder)
    text = {index: token for index, token in beyond.items() if index not in special}
    asked = prompt_text(tokenizer, [{"role": "user", "content": "?"}])
    written = [*stop_tokens(tokenizer), *encode(tokenizer, asked)]
    if text or any(index in beyond for index in written):
        token = min(text or {index: beyond[index] for index in written if index in beyond})
        raise UserError(
            f"the tokenizer has tokens that the weights have no row for: {beyond[token]!r} is number {token}, of {vocabulary} rows",
            where=where,
            hint="They are of two models, or tokens were added without resize_token_embeddings: bring those that belong together.",
        )


def unsayable(tokenizer: Any, vocabulary: int) -> list[int]:
    """Ids below `vocabulary` that are no token: rows that pad the weights. A model must not write what nobody can read."""
    known = set(tokenizer.get_vocab().values()) | set(tokenizer.added_tokens_decoder)
    return [index for index in range(vocabulary) if index not in known]


@lru_cache(maxsize=4)
def _loaded(folder: Path, _files: tuple[Any, ...], own_code: bool) -> Any:
    from transformers import AutoTokenizer

    where = str(folder)
    for name in _JSON_FILES:
        if (folder / name).is_file():
            read_json(folder / name)
    _refuse_unread_model(folder)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=True, trust_remote_code=own_code)
    except Exception as error:
        raise _refused(folder, " ".join(str(error).split()), error) from error
    _refuse_deaf(tokenizer, where)
    # A model that sees keeps its template where only its processor looks.
    tokenizer.chat_template = tokenizer.chat_template or read_template(folder)
    return tokenizer


def _refuse_unread_model(folder: Path) -> None:
    """A lone `tokenizer.model` is sentencepiece's, or tiktoken's list of words: transformers tells one for the other."""
    model = folder / "tokenizer.model"
    if (folder / "tokenizer.json").is_file() or not model.is_file():
        return
    first = model.open("rb").read(4096)
    library = "tiktoken" if re.match(rb"[A-Za-z0-9+/=]+ \d+\r?\n", first) else "sentencepiece"
    if not _installed(library):
        raise _lacking(library, folder)


def _installed(library: str) -> bool:
    from importlib.util import find_spec

    return find_spec(library) is not None


def _lacking(library: str, folder: Path) -> UserError:
    return UserError(
        f"the tokenizer can only be read with {library}, which is not installed",
        where=str(folder),
        hint=f"pip install {_LIBRARIES.get(library, library)}; or bring the model's tokenizer.json, which needs no library.",
    )


def _refused(folder: Path, said: str, error: Exception) -> UserError:
    where = str(folder)
    if "trust_remote_code" in said:
        hint = (
            "Bring a tokenizer.json of a class that transformers has, or serve this model elsewhere and name its https:// address."
        )
        problem = "the tokenizer is code that came with the model, and code of strangers does not run unasked"
        return UserError(problem, where=where, hint=hint)
    if (folder / "tekken.json").is_file() and not (folder / "tokenizer.json").is_file():
        return _lacking("mistral-common", folder)
    lowered = said.lower()
    models = any(next(folder.glob(pattern), None) for pattern in ("*.model", "*.tiktoken"))
    missing = isinstance(error, ImportError) or "pip install" in lowered or ("you need to have" in lowered and models)
    named = next((library for library in _LIBRARIES if library in lowered), "") if missing else ""
    if named:
        return _lacking(named, folder)
    hint = "The tokenizer's files are damaged, or not all there: download them again."
    return UserError(f"the tokenizer cannot be loaded: {type(error).__name__}: {said[:300]}", where=where, hint=hint)


def _refuse_deaf(tokenizer: Any, where: str) -> None:
    """One whose words are missing reads every text as nothing."""
    ids = tokenizer.encode(_PROBE, add_special_tokens=False)
    heard = {char for char in str(tokenizer.decode(ids, skip_special_tokens=True)).casefold() if char.isalnum()}
    if not heard & {char for char in _PROBE.casefold() if char.isalnum()}:
        hint = "Its vocabulary is empty or of another tokenizer: download tokenizer.json, or vocab.json and merges.txt, again."
        raise UserError("the tokenizer keeps nothing of a text", where=where, hint=hint)


def _stats(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    for path in sorted(path for pattern in ANSWER_FILES for path in folder.glob(pattern)):
        stat = path.stat()
        yield path.name, stat.st_size, stat.st_mtime_ns, stat.st_ino


def end_tokens(tokenizer: Any, folder: Path) -> frozenset[int]:
    """Every id that ends an answer: of the chat template's turn, the tokenizer, and the model's own generation settings.

    Raises UserError for settings that name none rightly, and where nothing ends an answer.
    """
    ends = set(stop_tokens(tokenizer))
    for name in ("generation_config.json", "config.json"):
        if (folder / name).is_file():
            ends |= _configured(read_json(folder / name), str(folder / name))
    if not ends:
        hint = "Name its eos_token in tokenizer_config.json."
        raise UserError(
            "nothing says where an answer ends: no token of the chat template, no eos_token", where=str(folder), hint=hint
        )
    return frozenset(ends)


def _configured(settings: Mapping[str, Any], where: str) -> set[int]:
    found = settings.get("eos_token_id")
    ids = [] if found is None else found if isinstance(found, list) else [found]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in ids):
        problem = f"eos_token_id is {found!r}, neither a number nor a list of numbers"
        raise UserError(problem, where=where, hint="Copy or download it again, as it was published.")
    return set(ids)
