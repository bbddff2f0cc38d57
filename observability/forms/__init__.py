"""What the consoles ask for about what the system says of itself."""
