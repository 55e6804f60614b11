"""What is learnt, as Lightning modules."""
