"""Spinel: how a host drives a radio co-processor (RCP) over a serial line, both ends. OpenThread's Spinel protocol, version 4.3."""
