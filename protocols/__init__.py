"""Bytes and state machines: no clock, no I/O and no randomness of their own; time and bytes are arguments."""
