"""The `meterbench` command: one module a command, and what they share."""
