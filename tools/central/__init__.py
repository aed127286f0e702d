"""The central company: its users' interface, and the logical systems behind this and its other interfaces."""
