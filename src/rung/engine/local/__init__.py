"""The local engine: one decoder for training, evaluation and serving, in plain torch."""
