"""Prepayment with the account in the hub (paper B, appendix C): gas by six messages over the HAN, electricity over the wire."""
