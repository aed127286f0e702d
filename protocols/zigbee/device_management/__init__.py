"""Device Management cluster: what is published, and how a device handles its events (SE 1.4 annex D.10)."""
