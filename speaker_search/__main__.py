"""`python -m speaker_search` is `spksearch`."""

from speaker_search.cli import main

if __name__ == "__main__":
    main()
