"""Archives, downloads and files that are not trusted."""
