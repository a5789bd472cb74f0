"""When the base changes: which names stand on the former one, and their climbs anew, one after the other, on the new one."""
