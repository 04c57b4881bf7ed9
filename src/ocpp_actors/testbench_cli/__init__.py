"""The commands of the test bench."""
