"""Who may connect, over what, and who is connected."""
