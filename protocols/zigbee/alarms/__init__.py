"""Alarms of a device, and the table of them."""
