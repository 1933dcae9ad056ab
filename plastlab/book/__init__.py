"""The book's own tools: from text sources to notebooks, claims, tables and courses."""
