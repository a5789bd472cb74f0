"""`rung answer`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json
from rung.errors import UserError
from rung.escapes import visible

if TYPE_CHECKING:
    from rung.types import Example

CONVERSATION_KEYS = {"messages", "tools"}


@click.command(epilog=example('rung answer tone "The parcel came a day early, thank you!"'))
@click.argument("name")
@click.argument("text", required=False)
@click.option(
    "--file", "conversation", type=click.Path(path_type=Path), help='A JSON file: messages, or {"messages": ..., "tools": ...}.'
)
@json_option
def command(name: str, text: str | None, conversation: Path | None, as_json: bool) -> None:
    """Answer TEXT with what is registered as NAME: its newest version, name@version or name@alias.

    It is asked in the way its evaluation asked it. Without TEXT and --file, reads standard input. A tool's call that needs a
    person's consent is not run, and told on standard error. At a terminal, characters that would move its cursor or colour it are
    spelt out; in a pipe the answer is byte for byte what the model said.
    """
    asked = _asked(text, conversation)
    from rung.api import open_home
    from rung.json_form import as_json as plain
    from rung.verify.missing import ended_by_limit, no_answer

    registered = open_home().candidate(name)
    [said] = registered.answers([asked])
    for remark in registered.remarks():
        click.echo(f"! {remark}", err=True)
    if as_json:
        print_json({"name": name, "candidate": registered.fields.id, "answer": plain(said)})
    else:
        # At a terminal a model's words must not move its cursor; whoever pipes them on gets them as they are, colours included.
        click.echo(visible(said.text) if sys.stdout.isatty() else said.text, color=True)
        if none := no_answer(said):
            click.echo(f"{none[0].upper()}{none[1:]}.", err=True)
        for remark in ended_by_limit([said]):
            click.echo(f"{remark[0].upper()}{remark[1:]}.", err=True)
        for call in said.calls:
            if call["outcome"] == "queued":
                click.echo(f"Not run: {call['name']} {json.dumps(call['arguments'])}: {visible(str(call['reason']))}.", err=True)


def _asked(text: str | None, conversation: Path | None) -> Example:
    """The one Example to answer. Raises UserError where nothing, or two things, are asked."""
    from rung.types import Example

    if conversation is not None:
        if text is not None:
            raise UserError("both TEXT and --file are given", hint="Give one of them.")
        messages, tools = _read(conversation)
        return Example(id="asked", messages=tuple(messages), tools=tuple(tools))
    if text is None:
        if sys.stdin.isatty():
            raise UserError("there is nothing to answer", hint='Give a text: rung answer NAME "...", or pipe one in.')
        text = sys.stdin.read().strip()
    if not text:
        raise UserError("the text to answer is empty")
    return Example(id="asked", messages=({"role": "user", "content": text},))


def _read(file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except ValueError as error:
        raise UserError(f"is not JSON: {error}", where=str(file)) from error
    if isinstance(document, list):
        document = {"messages": document}
    if not isinstance(document, dict) or not set(document) <= CONVERSATION_KEYS:
        raise UserError(
            "is not a conversation", where=str(file), hint='Write a list of messages, or {"messages": [...], "tools": [...]}.'
        )
    messages = document.get("messages")
    if not messages or not all(isinstance(message, dict) and "role" in message for message in messages):
        raise UserError("has no messages with roles", where=str(file), hint='A message is {"role": "user", "content": "..."}.')
    return messages, document.get("tools") or []
