"""Gas prepayment with the account in the hub (paper B, appendix C): what hub, meter and people tell each other."""
