"""The explorer: what a person searches and filters, in columns, and all that is known of each prompt."""
