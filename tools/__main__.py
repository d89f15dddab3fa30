"""`python -m laserlink.tools` is `laserlink`."""

from laserlink.tools.cli import main

if __name__ == "__main__":
    main()
