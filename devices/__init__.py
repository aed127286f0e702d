"""Emulated boards and the firmware of each device of the home, on a discrete-event kernel."""
