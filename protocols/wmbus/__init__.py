"""Wireless M-Bus: how gas and water meters of other countries talk to a gateway (EN 13757-3, -4; OMS volume 2)."""
