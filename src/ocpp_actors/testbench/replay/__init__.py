"""A recording of one charge point, played against any central system: what is planned, compared, and played."""
