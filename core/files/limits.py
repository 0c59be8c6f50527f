"""What can be attached, in numbers.

Those of the provider were read on 2026-11-21 in platform.claude.com/docs as of August 2026:
``build-with-claude/vision`` (10 MB an image in base64, 8,000 pixels an edge, 2,000 once a request holds more than 20
images, which it says only in an error message; 600 images a request, 100 with a context window under a million),
``build-with-claude/pdf-support`` (600 pages a request, or 100 likewise) and ``api/overview`` (32 MB a request).
"""

MEGABYTE = 1_000_000
LARGEST_IMAGE = 7_500_000
"""Base64 makes four bytes of three: 10 MB."""
LARGEST_PDF = 20 * MEGABYTE
LARGEST_TEXT = 5 * MEGABYTE
LARGEST_TOGETHER = 22 * MEGABYTE
"""Of all files of a conversation, for they are sent with each message: 29.4 MB in base64 leave room for the words."""
MOST_FILES = 10
LONGEST_EDGE = 8_000
MANY_IMAGES, LONGEST_EDGE_OF_MANY = 20, 2_000
MOST_PARTS, MOST_PARTS_OF_SMALL = 600, 100
"""Images, or pages of PDF, a request; of a model whose context window is under a million tokens."""
LARGE_WINDOW = 1_000_000
WORKER_BYTES = 1_000 * MEGABYTE
"""Of address space, for the process that opens one file: an image of the longest edges has 256 MB of pixels."""
WORKER_CPU_SECONDS, WORKER_SECONDS = 20, 60.0
LOOKS_AT_ONCE = 2
