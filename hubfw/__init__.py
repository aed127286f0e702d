"""Firmware of the communications hub: WAN and HAN sides, routing, translation, gas mirror, outage supervision."""
