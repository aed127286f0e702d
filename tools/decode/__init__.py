"""Octets to a tree of layers and fields with offsets, and the reason where it stops: what `meterbench decode` prints."""
