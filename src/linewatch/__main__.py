"""`python -m linewatch`: the command line where the script is not on the path."""

from linewatch.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
