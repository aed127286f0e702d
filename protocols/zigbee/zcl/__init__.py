"""The ZigBee Cluster Library: data types, header, general commands, cluster declarations, endpoints (07-5123)."""
