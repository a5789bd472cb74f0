"""What a `base:` names, brought to this machine and known by its digest."""
