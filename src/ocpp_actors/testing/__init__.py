"""For tests of charge points, of central systems, and of what is built on this library."""
