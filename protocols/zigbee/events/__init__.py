"""Event logs of a device, and what they answer."""
