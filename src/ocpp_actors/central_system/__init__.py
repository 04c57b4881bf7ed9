"""What the central system answers: a module per concern, and the router between them."""
