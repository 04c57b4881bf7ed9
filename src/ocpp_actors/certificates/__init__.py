"""Certificates of charge points: requests that are judged, authorities that sign them, chains that are read."""
