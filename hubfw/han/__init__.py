"""The HAN side: network and trust centre, the energy services interface, messages, mirrors, tunnels."""
