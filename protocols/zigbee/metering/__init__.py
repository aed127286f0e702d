"""Behaviour of the Metering cluster, sans-I/O: profiles, fast poll mode, snapshots, sampling, supply control (SE 1.4 annex D.3)."""
