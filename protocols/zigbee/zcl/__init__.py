"""The ZigBee Cluster Library: data types, the frame header, general commands, cluster declarations and endpoints (07-5123)."""
