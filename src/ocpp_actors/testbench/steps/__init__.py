"""Steps that scenarios have in common: what is done, and what is looked at after it."""
