"""Certificate-based key establishment, suites 1 and 2 (SE 1.4 annex C): curves, implicit certificates, agreement, exchange."""
