"""Files of what the books hold: streamed, exact, and safe to open in a spreadsheet."""
