"""How does `python -m cli` begin? As the program `livery`."""

from cli.main import main

if __name__ == "__main__":
    main()
