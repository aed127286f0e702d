"""What a hub does for a meter that sleeps: messages that wait, and flags that tell of them (GB use of SE 1.4 annex D.3)."""
