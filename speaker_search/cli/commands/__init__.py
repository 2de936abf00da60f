"""The commands: each reads its flags, asks the library and prints the answer. Heavy imports wait until one runs."""
