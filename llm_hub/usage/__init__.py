"""What answers cost, and how much may be used."""
