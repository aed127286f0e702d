"""Benches: what a TOML file describes, how a home is built from it, and the real-time driver."""
