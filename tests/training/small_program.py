"""The training of training.small as a program that can be killed.

It takes the folder of the voices, that of the training, the name of a recipe, and the step to be killed at, or 0. The
processes that change its sounds import this file too, so that it imports nothing until it runs.
"""

if __name__ == "__main__":
    from training import small

    small.main()
