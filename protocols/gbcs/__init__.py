"""GBCS messages, as far as who carries them looks into them."""
