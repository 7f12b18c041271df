"""`python -m luban`: the command line."""

from luban.cli.main import main

if __name__ == "__main__":
    main()
