"""Below 1 GHz: channels of the pages, duty cycles, and who has to be silent (SE 1.4 annex D.13); the cluster is in `clusters`."""
