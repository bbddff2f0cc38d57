"""What hypercare's API takes and gives, by the names of the source (FDD-B03)."""
