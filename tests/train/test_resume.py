"""Three ways to the same bytes: uninterrupted, killed and resumed, cold. And what is no checkpoint of this run."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
import torch
from runner import SETTINGS, Watching, run
from toys import FACTS, load, settings, toy_rows
from warm import Warm

from rung.errors import BrokenEnvironment
from rung.progress import Silent
from rung.train.loop import Trained, train
from rung.train.resume import FILE, read_checkpoint

HERE = Path(__file__).parent
ADAPTER = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def uninterrupted(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return run(tiny_base, tmp_path_factory.mktemp("uninterrupted"))


def ended(base: Path, work: Path, moment: str) -> int | None:
    argv = [str(HERE / "runner.py"), str(base), str(work), moment, str(torch.get_num_threads())]
    process = Warm(argv, work.with_name("runner.out"), {})
    process.communicate()
    return process.returncode


def same(trained: Trained, other: Trained) -> bool:
    losses = [[(entry["step"], entry["loss"], entry["dev_score"]) for entry in one.history] for one in (trained, other)]
    files = [
        [(folder / name).read_bytes() for name in (ADAPTER, "adapter_config.json", "rung.json")]
        for folder in (trained.folder, other.folder)
    ]
    return losses[0] == losses[1] and files[0] == files[1] and trained.best_score == other.best_score


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tiny_base: Path, tmp_path: Path, uninterrupted: Trained):
    assert len(uninterrupted.history) == 12
    scores = [entry["dev_score"] for entry in uninterrupted.history if entry["dev_score"] is not None]
    assert uninterrupted.best_step == 6 and uninterrupted.best_score == max(scores), "what is kept lies before the last step"
    assert scores[-1] < scores[-2] < scores[2] and len(scores) == 6, "dev gets worse again"
    assert same(run(tiny_base, tmp_path / "cold"), uninterrupted)
    config = settings(**{**SETTINGS, "seed": 4})
    other = train(load(tiny_base), toy_rows(), config, work=tmp_path / "other", dev=None, progress=Silent(), facts=FACTS)
    assert (other.folder / ADAPTER).read_bytes() != (uninterrupted.folder / ADAPTER).read_bytes()


@pytest.mark.parametrize("moments", [["step:5", "dev:2", "write:3"], ["save:2", "step:1", "write:1", "dev:1", "step:2"]])
def test_killed_at_any_moment_it_ends_the_same(tiny_base: Path, tmp_path: Path, uninterrupted: Trained, moments: list[str]):
    for moment in moments:
        assert ended(tiny_base, tmp_path, moment) == -signal.SIGKILL
    assert same(run(tiny_base, tmp_path), uninterrupted)


def test_every_moment_without_a_process_of_its_own(
    tiny_base: Path, tmp_path: Path, uninterrupted: Trained, monkeypatch: pytest.MonkeyPatch
):
    """The same traps, one after another, with an exception that nothing catches in the place of the signal."""

    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    monkeypatch.setattr("runner.os.kill", killed)
    for kind in ("step", "dev", "write", "save"):
        for number in (1, 2, 3, 4, 6):
            with pytest.raises(Killed):
                run(tiny_base, tmp_path / kind / str(number), f"{kind}:{number}")
            assert same(run(tiny_base, tmp_path / kind / str(number)), uninterrupted)


def test_ctrl_c_keeps_the_work_done(tiny_base: Path, tmp_path: Path, uninterrupted: Trained):
    with pytest.raises(KeyboardInterrupt):
        run(tiny_base, tmp_path, "interrupt:8", checkpoint_s=3600)
    steps: list[int] = []

    class Counting(Watching):
        def advance(self, n=1, **facts):
            steps.append(n)

    original = Watching.advance
    Watching.advance = Counting.advance
    try:
        assert same(run(tiny_base, tmp_path, checkpoint_s=3600), uninterrupted)
    finally:
        Watching.advance = original
    assert steps[0] == 7


def test_a_finished_run_is_not_redone(tiny_base: Path, tmp_path: Path, uninterrupted: Trained):
    run(tiny_base, tmp_path)
    assert same(run(tiny_base, tmp_path, "dev:1"), uninterrupted)
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, uninterrupted.folder.name]


@pytest.mark.parametrize("change", [{"rank": 8}, {"seed": 9}, {"batch_rows": 5}])
def test_a_checkpoint_of_other_settings_is_not_resumed(
    tiny_base: Path, tmp_path: Path, change: dict, capsys: pytest.CaptureFixture
):
    with pytest.raises(KeyboardInterrupt):
        run(tiny_base, tmp_path, "interrupt:4")
    config = settings(**{**SETTINGS, "epochs": 1, **change})
    progress = Watching(type("Never", (), {"spring": lambda self, kind: None})())
    trained = train(load(tiny_base), toy_rows(), config, work=tmp_path, dev=None, progress=progress, facts=FACTS)
    assert "other settings, rows or base: training starts anew" in capsys.readouterr().out
    assert trained.history[0]["step"] == 1


def test_a_damaged_checkpoint_is_not_resumed(
    tiny_base: Path, tmp_path: Path, uninterrupted: Trained, capsys: pytest.CaptureFixture
):
    with pytest.raises(KeyboardInterrupt):
        run(tiny_base, tmp_path, "interrupt:6")
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    assert same(run(tiny_base, tmp_path), uninterrupted)
    assert "cannot be read" in capsys.readouterr().out


def test_a_full_disk_leaves_the_old_checkpoint(tiny_base: Path, tmp_path: Path, uninterrupted: Trained):
    with pytest.raises(KeyboardInterrupt):
        run(tiny_base, tmp_path, "interrupt:6")
    before = (tmp_path / FILE).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(BrokenEnvironment, match="Free some disk space") as caught:
            run(tiny_base, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.exit_code == 3
    assert (tmp_path / FILE).read_bytes() == before
    assert same(run(tiny_base, tmp_path), uninterrupted)


def test_a_foreign_identity_leaves_masters_alone(tmp_path: Path, tiny_base: Path):
    run(tiny_base, tmp_path)
    master = torch.ones(2, 2)
    restored = read_checkpoint(tmp_path, "another", {"a": master}, torch.optim.AdamW([master]))
    assert restored.state is None and "other settings" in restored.reason
    assert torch.equal(master, torch.ones(2, 2))
