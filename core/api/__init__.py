"""What programs and browsers fetch over HTTP, beside the pages."""
