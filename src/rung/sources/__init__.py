"""What stands outside of a task and is named by it: packages, hub repositories, models. One grammar, one cache."""
