"""MicroOCPP, an independent charge point in C++, as a station; and charge points that run elsewhere."""
