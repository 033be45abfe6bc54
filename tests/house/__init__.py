"""Does the house still stand as designed? Layers, files, schema, versions, locks and texts are read."""
