"""The fine-tuning API at home: files, and jobs that workers run, in the shapes of OpenAI's. `routes.py: router(door)` mounts it."""
