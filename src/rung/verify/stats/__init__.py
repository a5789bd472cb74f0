"""Statistics of a climb: pure functions over plain sequences. The design and its simulations: docs of each module and tests."""
