"""The outside world, one gate each: nothing above this floor opens a file, a device or a program."""
