"""One charge point's task tree."""
