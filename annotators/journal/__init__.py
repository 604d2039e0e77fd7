"""What was paid for: every reply as the server sent it, under a hash of all that shaped it."""

from annotators.journal.entry import Entry, JournalError, Request, entry_name
from annotators.journal.journal import Journal

__all__ = ["Entry", "Journal", "JournalError", "Request", "entry_name"]
