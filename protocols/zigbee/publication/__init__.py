"""Information published with an issuer event identifier and a start time: kept in force and to come, asked for, cancelled."""
