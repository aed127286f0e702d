"""Message and association security of DLMS. Green Book 9.2."""
