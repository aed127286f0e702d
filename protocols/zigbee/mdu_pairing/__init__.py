"""Which devices of a multi-dwelling unit belong together."""
