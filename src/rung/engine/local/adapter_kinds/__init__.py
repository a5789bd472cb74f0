"""One file a kind of adapter, as PEFT calls it: its settings, its tensors, and where it acts."""
