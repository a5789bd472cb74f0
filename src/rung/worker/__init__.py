"""Workers run a home's jobs: each in a process of its own, with a lease, a log, and a way to stop and to go on."""
