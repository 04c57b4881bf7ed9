"""The test bench: charge points real and simulated, faults, scenarios and reports, for any central system."""
