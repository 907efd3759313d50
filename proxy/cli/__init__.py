"""The command line: one subcommand per file, each with `add(subparsers)` and `run(args) -> exit code`."""
