"""What the commands do, a module for each: it reads files, asks `emu`, and has the result printed.

`harness.commands` declares the arguments and imports a module of these when its command runs;
`harness.report` has what is printed.
"""
