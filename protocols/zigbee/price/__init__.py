"""Price cluster: what is published, the tariff that holds, and what it makes a unit cost (SE 1.4 annex D.4)."""
