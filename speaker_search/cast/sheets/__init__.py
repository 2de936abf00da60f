"""Cast sheets, and casts as files: tables, pages with sounds."""
