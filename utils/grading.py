"""The old name of the command `python -m classroom.grading`."""

from classroom.grading import main

if __name__ == "__main__":
    main()
