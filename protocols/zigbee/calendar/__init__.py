"""Calendar cluster: what is published, and which tier holds at a moment (SE 1.4 annex D.9)."""
