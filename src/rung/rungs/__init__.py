"""The ladder: `ls` of this folder. Each file builds a Candidate from a Task and the rung below.

A rung's file has a docstring whose first line is its help, and

    TITLE       its name in reports
    UNDO        how to take it back once it is shipped
    LEARNS      True where it trains on rows, so that `rung forecast` can draw its learning curve; may be left out
    Config      a pydantic model of its settings (`rungs: {r4_adapter: {...}}` in the task file); unknown keys are errors
    applies(task) -> str                      "" if it applies, else the reason why not
    forecast(task, speeds) -> (seconds, bytes)    what building and gating it takes, from `climb.plan.Speeds`; None where unknown
    build(task, parent, context) -> Candidate     the frozen Candidate; may measure on dev as often as it likes, never on gate
"""
