"""Security of xDLMS messages and of associations (Green Book 9.2; IEC 62056-5-3 5)."""
