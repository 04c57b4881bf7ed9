"""What a session leaves behind: one HTML page, the same as JSON, JUnit XML, and the frames of each charger."""
