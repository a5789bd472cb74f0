"""What is missing: probes of dev, one change at a time, and which cause explains which failures."""
