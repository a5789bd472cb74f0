"""What is missing? Each file changes one thing about how the base is asked on dev, and says what that would show.

A probe's file has a docstring whose first line is its help, and

    TITLE                          its name in reports
    CAUSE                          the cause (`rung.rungs.causes`) that a lift points at; None where it only reports
    Config                         a pydantic model of its settings (`probes: {sampling: {...}}`); unknown keys are errors
    applies(task) -> str           "" if it can run, else the reason why not
    probe(case, config) -> Evidence    what came of it; see `climb.diagnosis.case`. Never looks at test.
    foresee(case, config) -> asks      what it will ask (`rung.rungs.asks`), said without asking; left out, nothing
"""
