"""The tools: command line, stepper, generators. The only layer that sees both ends.

May import everything of ours; nothing of ours imports it.
"""
