#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""complete_zsh.py FILE LINE=EXPECTED...: types LINE and a tabulator into a zsh that has read the completions in FILE;
the line must then read EXPECTED."""
import os
import pty
import re
import select
import sys
import time

END = "@end@"


def read_until(terminal, text, seconds=20):
    seen, limit = "", time.time() + seconds
    while text not in seen and time.time() < limit:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                break
    return seen


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", ZDOTDIR="/nonexistent", COLUMNS="200")
        os.execlp("zsh", "zsh", "-f", "-i")
    # The widget prints the line as it stands and clears it, so that what is read is no echo of keys.
    setup = ("unsetopt prompt_cr prompt_sp zle_bracketed_paste 2>/dev/null; PS1='> '; zstyle ':completion:*' verbose no; "
             "autoload -Uz compinit; compinit -u -D; . " + sys.argv[1] + "; stty cols 200; "
             "show() { print -r -- \"$BUFFER\"@end''@; BUFFER= }; zle -N show; bindkey '^X' show; print ready''!\n")
    os.write(terminal, setup.encode())
    seen = read_until(terminal, "ready!")
    if "ready!" not in seen:
        sys.exit("zsh does not start: " + seen)
    failures = 0
    for case in sys.argv[2:]:
        line, expected = case.split("=", 1)
        os.write(terminal, line.encode() + b"\t")
        time.sleep(0.5)
        os.write(terminal, b"\x18")
        seen = read_until(terminal, END)
        found = re.findall(r"(kuni[^\r\n]*)" + END, seen)
        if not found or not found[-1].endswith(expected):
            failures += 1
            print(f"zsh: '{line}' becomes {found}, expected '{expected}': {seen!r}")
    os.write(terminal, b"exit\n")
    os.close(terminal)
    os.waitpid(pid, 0)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
