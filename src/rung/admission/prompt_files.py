"""A prompt in a file of its own: a text, Markdown with or without a front matter, YAML or JSON with fields or with messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.admission.incoming import Incoming, whole_number
from rung.admission.mlflow import is_mlflow, read_mlflow
from rung.admission.strict import strict_json
from rung.admission.templates import VARIABLE, Read, read_messages, read_template, single_braces
from rung.errors import UserError, did_you_mean
from rung.escapes import quoted

BODY = "what stands below the front matter"
# Which field holds the text: exactly one of them.
TEXTS = (BODY, "prompt", "system", "system_prompt", "template", "instruction", "instructions", "content", "messages")
# What files of prompts say beside it, and no answer here is made of.
_ABOUT: tuple[str, ...] = (
    "name",
    "description",
    "version",
    "author",
    "authors",
    "tags",
    "labels",
    "type",
    "id",
    "license",
    "created",
    "updated",
)
_ABOUT += ("commit_message", "metadata", "tested", "language")
_LOST: tuple[str, ...] = (
    "model",
    "modelparameters",
    "model_parameters",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "inputs",
    "input",
)
_LOST += ("_type", "template_format", "output_parser", "max_length", "frequency_penalty", "presence_penalty", "provider")
_LOST += ("variables", "input_variables", "sample", "testdata", "evaluators", "tools", "output", "outputs", "config", "settings")
_KNOWN = (*TEXTS[1:], "max_tokens", *_ABOUT, *_LOST)


def read_text(text: str, name: str, where: str) -> Incoming:
    """A text is the system message as it stands; a Markdown file's front matter is read as fields."""
    if text.startswith("---\n") and (end := text.find("\n---", 3)) > 0 and text[end + 4 :].split("\n", 1)[0].strip() == "":
        told = _front_matter(text[4 : end + 1], where)
        body = text[end + 4 :].partition("\n")[2]
        if told:
            return _of_fields({**told, BODY: body}, name, where, template=False)
    return Incoming(prompt=_filled(text.strip(), where), claimed=f"the prompt of {quoted(name)}", notes=_as_it_stands(text))


def _front_matter(text: str, where: str) -> Mapping[str, Any]:
    """Its fields; none where what stands between two rules is a text like the rest."""
    try:
        told = _fields(text, where)
    except UserError:
        return {}
    return told if isinstance(told, Mapping) else {}


def read_fields(text: str, name: str, where: str, *, is_json: bool) -> Incoming:
    """YAML or JSON. Raises UserError for a field that is not known, with its line where it has one."""
    value = _json(text, where) if is_json else _fields(text, where)
    if isinstance(value, Mapping) and is_mlflow(value):
        return read_mlflow(value, where)
    if isinstance(value, str):
        value = {"prompt": value}
    if isinstance(value, Sequence):
        value = {"messages": value}
    if not isinstance(value, Mapping):
        raise UserError("neither a text, nor fields, nor messages", where=where, hint="Write prompt: and the text.")
    return _of_fields(value, name, where, template=True)


def _of_fields(fields: Mapping[str, Any], name: str, where: str, *, template: bool) -> Incoming:
    by_name = {key.lower(): key for key in fields}
    if unknown := [key for low, key in by_name.items() if low not in (BODY, *_KNOWN)]:
        raise UserError(f"unknown field {quoted(unknown[0])}", where=where, hint=did_you_mean(unknown[0], _KNOWN))
    given = [low for low in TEXTS if low in by_name]
    if len(given) != 1:
        said = f"the text is given twice: {' and '.join(given)}" if given else "no field holds the text"
        raise UserError(said, where=where, hint=f"Give one of {', '.join(TEXTS[1:])}.")
    value = fields[by_name[given[0]]]
    read = _text(value, where, template=template)
    about = ", ".join(f"{low} {quoted(_short(fields[by_name[low]]))}" for low in _ABOUT if low in by_name and fields[by_name[low]])
    lost = [by_name[low] for low in _LOST if low in by_name]
    notes = (
        *read.notes,
        *([f"Not kept: {', '.join(map(quoted, lost))}. An answer is the base's own, word by word."] if lost else []),
    )
    return Incoming(
        prompt=_filled(read.prompt, where, read),
        turns=read.turns,
        max_tokens=whole_number(fields[by_name["max_tokens"]], "max_tokens", where) if "max_tokens" in by_name else None,
        claimed=f"the prompt of {quoted(name)}" + (f" ({about})" if about else ""),
        notes=notes,
    )


def _short(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    return ", ".join(part if isinstance(part, str) else "..." for part in parts[:5])


def _text(value: Any, where: str, *, template: bool) -> Read:
    if isinstance(value, str):
        return read_template(value, where) if template else Read(prompt=value.strip(), notes=_as_it_stands(value))
    if isinstance(value, Sequence):
        return read_messages(value, where)
    raise UserError(
        "the text of the prompt is neither a text nor a list of messages", where=where, hint="Write prompt: and the text."
    )


def _as_it_stands(text: str) -> tuple[str, ...]:
    found = list(dict.fromkeys(match[0] for match in VARIABLE.finditer(text)))
    if not found:
        return single_braces(text)
    named = ", ".join(found[:3])
    return (f"Nothing is filled in for {named}: a text is sent as it stands. In YAML, template: fills in what is asked.",)


def _filled(prompt: str, where: str, read: Read | None = None) -> str:
    if not prompt and not (read and read.turns):
        raise UserError("the prompt is empty", where=where, hint="Write what the model is to do.")
    return prompt


def _json(text: str, where: str) -> Any:
    try:
        return strict_json(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"not JSON: {error}", where=where, hint="Export it again, or name the file .txt where it is a text."
        ) from None


def _fields(text: str, where: str) -> Any:
    """YAML in which every value is a text: no word of a prompt is taken for a truth or a date."""
    import yaml

    try:
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                raise UserError("an alias of YAML (*)", where=_line(where, event.start_mark), hint="Write it out.")
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        if node is None:
            raise UserError("the file says nothing", where=where, hint="Write prompt: and the text.")
        _refuse_doubled(node, where)
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        at = _line(where, getattr(error, "problem_mark", None))
        problem = getattr(error, "problem", None) or str(error)
        hint = "A text of several lines stands behind |, indented; braces and colons want quotes."
        raise UserError(f"not YAML: {problem}", where=at, hint=hint) from None
    except RecursionError:
        raise UserError("nested too deeply", where=where, hint="Write prompt: and the text.") from None


def _line(where: str, mark: Any) -> str:
    return f"{where}:{mark.line + 1}" if mark else where


def _refuse_doubled(node: Any, where: str) -> None:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            _refuse_doubled(part, where)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        at = _line(where, key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            raise UserError("a field whose name is no text", where=at, hint="Braces at the beginning of a text want quotes.")
        if key.value in seen:
            raise UserError(f"{quoted(key.value)} stands twice", where=at, hint="Keep one.")
        seen.add(key.value)
        _refuse_doubled(value, where)
