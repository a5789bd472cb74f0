"""Rollouts of a home on their page: what both arms were seen to do, how far the evidence speaks, and the buttons."""

from __future__ import annotations

import parts
from visitor import Visitor

from rung.registry.home import Home
from rung.registry.rollout_states import Measure, Observed, Plan
from rung.serve.dashboard.data import Controls
from rung.serve.dashboard.rolling import KeptRollouts

MEASURES = (Measure(name="answered", kind="answered"), Measure(name="feedback", kind="feedback"))
PLAN = Plan(name="spam", version=7, champion=3, kind="canary", steps=(0.5, 1.0), harm=0.05, alpha=0.01, measures=MEASURES)


def seen(home: Home, rollout: str, start: int, n: int = 40) -> None:
    """So many who asked, every second one answered by the candidate; one in ten said something."""
    told = {"tokens": 30, "seconds": 0.2}
    for number in range(start, start + n):
        arm = "candidate" if number % 2 else "champion"
        one = {"rollout": rollout, "answer": f"a{number}", "arm": arm, "unit": f"u{number}", "share": 0.5}
        home.rollouts.observe([Observed(kind="answer", scores={"answered": 1.0}, told=told, **one)])
        if number % 10 == 0:
            home.rollouts.observe([Observed(kind="feedback", scores={"feedback": 1.0}, **one)])


def test_a_rollout_is_shown_goes_on_being_counted_and_is_paused_and_stopped(empty: Home) -> None:
    begun = empty.rollouts.begin(PLAN, who=empty.keys.me().identity.fingerprint, said="spam@7 against spam@3")
    seen(empty, begun.id, 0)
    kept = KeptRollouts(empty)
    [shown] = kept.all()
    assert [(arm.name, arm.ref, arm.n, arm.spoken) for arm in shown.arms] == [
        ("champion", "spam@3", 20, 4),
        ("candidate", "spam@7", 20, 0),
    ]
    assert shown.arms[0].seconds is not None and abs(shown.arms[0].seconds - 0.2) < 1e-9
    assert (shown.state, shown.tone, shown.share, shown.actions) == ("running", "going", 0.5, ("pause", "stop"))
    [answered, feedback] = shown.measures
    assert (answered.champion, answered.candidate, answered.n) == (1.0, 1.0, (20, 20)) and answered.harm[1] == 200.0
    assert feedback.candidate is None and "still to be seen" in shown.evidence[1]
    seen(empty, begun.id, 40)
    assert [arm.n for arm in kept.all()[0].arms] == [40, 40]
    visitor = Visitor(Controls(home=empty, admins=parts.OneAdmin(), rollouts=kept)).log_in()
    page = visitor.look("/rollouts")
    assert "spam: canary" in page.text and "50.0% of those who ask" in page.text and "100.0% of 40" in page.text
    assert "spam@7 is paused now" in visitor.done(f"/rollouts/{begun.id}", {"action": "pause"}).text
    assert "it cannot pause" in visitor.done(f"/rollouts/{begun.id}", {"action": "pause"}).text
    assert "spam@7 is running now" in visitor.done(f"/rollouts/{begun.id}", {"action": "resume"}).text
    visitor.done(f"/rollouts/{begun.id}", {"action": "stop", "reason": "enough <b>"})
    assert "enough <b>" in visitor.look("/rollouts").text and "/rollouts" in visitor.look("/").source
    line = empty.audit.search(subject=begun.id, limit=1)[0]
    assert line.payload == {"who": "admin anna (4f2a9c31b0d7e865)", "state": "stopped"}
    assert empty.integrity.faults() == []
