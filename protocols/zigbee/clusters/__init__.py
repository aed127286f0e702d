"""Clusters, one module each, declared to read like the specification's tables (07-5123, SE 1.4)."""
