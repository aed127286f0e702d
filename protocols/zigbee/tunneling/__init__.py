"""The two ends of a tunnel as sans-I/O machines (SE 1.4 annex D.6)."""
