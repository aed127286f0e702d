"""DLMS/COSEM: data link layers, A-XDR, association control, services, interface classes (IEC 62056)."""
