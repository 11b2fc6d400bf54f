#!/usr/bin/env python3
"""Random keys, clicks and resizes against the real program in tmux, for a few minutes.

    python3 experiments/dashboard/monkey.py [--seconds 180] [--seed 0] [--program PATH]

Whenever the program ends, its status must be one that a hand can cause, and the terminal must be the shell's again:
not the alternate screen, the cursor shown, no mouse reports, `stty -g` as before. Ends with status 1 otherwise.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMED = [
    "Up", "Down", "Left", "Right", "Home", "End", "PageUp", "PageDown", "Enter", "Tab", "BTab", "Escape", "BSpace", "DC",
    "C-a", "C-c", "C-u", "C-w", "F1", "F12", "M-x",
]
COMMANDS = ["set beta1 0.9", "set gamma 0", "target 1", "target 6", "pause at 50", "step 5", "undo", "goto 3", "live",
            "filter query", "filter", "focus events", "help triplet", "export csv", "pause", "resume", "evaluate"]
# Done, or stopped by an answer; a second ctrl-c.
STATUSES = {"0", "130"}


class Tmux:
    def __init__(self, folder):
        self.socket = f"ranktop-monkey-{os.getpid()}"
        self.folder = folder
        shell = (
            f"env -u NO_COLOR -u LC_ALL LANG=C.UTF-8 XDG_CONFIG_HOME={folder} HISTFILE= PS1='$ ' "
            "bash --norc --noprofile -i")
        self("-f", "/dev/null", "-u", "new-session", "-d", "-x", "120", "-y", "40", shell)
        self("set-option", "-g", "escape-time", "0")

    def __call__(self, *arguments):
        environment = {key: value for key, value in os.environ.items() if key != "TMUX"}
        ended = subprocess.run(
            ["tmux", "-L", self.socket, *arguments], env=environment, capture_output=True, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"tmux {' '.join(arguments)}: {ended.stderr}")
        return ended.stdout

    def type(self, text):
        self("send-keys", "-l", "--", text)

    def run(self, command):
        """Runs a shell command and returns its output."""
        path = os.path.join(self.folder, "output")
        if os.path.exists(path):
            os.unlink(path)
        self.type(f"{command} > {path}.part; mv {path}.part {path}")
        self("send-keys", "Enter")
        deadline = time.time() + 60
        while not os.path.exists(path):
            if time.time() > deadline:
                raise SystemExit(f"the shell does not answer to {command}:\n{self('capture-pane', '-p')}")
            time.sleep(0.02)
        with open(path) as file:
            return file.read().strip()

    def modes(self):
        return self("display-message", "-p", "#{cursor_flag}#{alternate_on}#{mouse_any_flag}").strip()


def suspend(tmux, status):
    """Ctrl-Z, then fg. Whether that went as it should, unless the program comes to its end meanwhile."""
    tmux("resize-window", "-x", "120", "-y", "40")  # so that what the shell says can be read
    tmux("send-keys", "C-z")
    for wanted, answer in (("0", "fg"), ("1", None)):
        for _ in range(1000):
            if tmux.modes()[1:2] == wanted and (wanted == "1" or "Stopped" in tmux("capture-pane", "-p")):
                break
            if os.path.exists(status):
                return True
            time.sleep(0.02)
        else:
            return False
        if answer:
            tmux.type(answer)
            tmux("send-keys", "Enter")
    return True


def ends(tmux, status):
    """Whether it ends by itself within half a minute."""
    for _ in range(1500):
        if os.path.exists(status):
            return True
        time.sleep(0.02)
    return False


def processes():
    return subprocess.run(["ps", "-eo", "pid,ppid,pgid,stat,wchan,args"], capture_output=True, text=True).stdout


def act(tmux, generator):
    kind = generator.random()
    if kind < 0.6:
        # q more seldom than chance has it, so that a run lives for a while.
        text = "".join(chr(generator.randrange(33, 127)) for _ in range(generator.randrange(1, 6)))
        tmux.type(text if generator.random() < 0.2 else text.replace("q", "j"))
    elif kind < 0.78:
        keys = generator.choices(NAMED, k=generator.randrange(1, 5))
        tmux("send-keys", *keys)
    elif kind < 0.88:
        x, y = generator.randrange(1, 210), generator.randrange(1, 70)
        button = generator.choice([0, 0, 0, 2, 64, 65])
        report = f"\x1b[<{button};{x};{y}M\x1b[<{button};{x};{y}m"
        tmux.type(report * generator.randrange(1, 3))
    elif kind < 0.96:
        tmux("send-keys", "Escape", "Escape")
        tmux.type(":" + generator.choice(COMMANDS))
        tmux("send-keys", "Enter")
    else:
        width, height = generator.choice(
            [(120, 40), (80, 24), (200, 60), (300, 100), (1, 1), (60, 20), (generator.randrange(1, 250), 30)])
        tmux("resize-window", "-x", str(width), "-y", str(height))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=os.path.join(ROOT, ".build/release/ranktop"))
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        tmux = Tmux(folder)
        try:
            # Says how it ended in a file, whatever happens to the screen.
            script = os.path.join(folder, "r")
            with open(script, "w") as file:
                file.write(
                    f'trap : INT\ncd {folder}\nrm -f status\n{options.program} demo --steps "$1" --threads 1\n'
                    'echo $? > status.part\nmv status.part status\n')
            tmux.run(f"cd {folder}")
            modes = tmux.run("stty -g")
            deadline = time.time() + options.seconds
            actions = rounds = 0
            statuses = {}
            while time.time() < deadline:
                rounds += 1
                tmux("resize-window", "-x", "120", "-y", "40")
                # As a job of its own, so that Ctrl-Z stops it.
                tmux.type(f"bash {script} {generator.choice([200, 2000, 100000])}")
                tmux("send-keys", "Enter")
                while tmux.modes()[1:2] != "1":
                    time.sleep(0.02)
                status = os.path.join(folder, "status")
                while not os.path.exists(status) and time.time() < deadline:
                    if tmux.modes()[1:2] != "1":
                        # The screen is given back: the end must follow.
                        if not ends(tmux, status):
                            raise SystemExit(f"it does not end:\n{tmux('capture-pane', '-p')}\n{processes()}")
                        break
                    actions += 1
                    if generator.random() < 0.97:
                        act(tmux, generator)
                    elif not suspend(tmux, status):
                        raise SystemExit(f"Ctrl-Z is not obeyed:\n{tmux('capture-pane', '-p')}\n{processes()}")
                tmux("resize-window", "-x", "120", "-y", "40")
                for attempt in range(200):
                    if os.path.exists(status) or tmux.modes()[1:2] != "1" and ends(tmux, status):
                        break
                    # Out of whatever is open, to the question, and its answer.
                    tmux("send-keys", "Escape", "Escape", "Escape", "q", "s")
                    time.sleep(0.2)
                else:
                    raise SystemExit(f"it does not end:\n{tmux('capture-pane', '-p')}\n{processes()}")
                # What was typed after its end is the shell's.
                for key in ("C-c", "C-g", "C-c", "C-u"):
                    tmux("send-keys", key)
                    time.sleep(0.1)
                with open(status) as file:
                    ended = file.read().strip()
                statuses[ended] = statuses.get(ended, 0) + 1
                screen = tmux("capture-pane", "-p")
                problems = []
                if ended not in STATUSES:
                    problems.append(f"status {ended}")
                if tmux.modes() != "100":
                    problems.append(f"cursor, alternate screen, mouse: {tmux.modes()}")
                left = tmux.run("stty -g")
                if left != modes:
                    problems.append(f"stty -g: {left}, before {modes}")
                if problems:
                    raise SystemExit(f"seed {options.seed}, run {rounds}: {'; '.join(problems)}\n{screen}")
            print(f"{actions} actions in {rounds} runs, seed {options.seed}; statuses {statuses}; all well")
        finally:
            subprocess.run(["tmux", "-L", tmux.socket, "kill-server"], capture_output=True)


if __name__ == "__main__":
    main()
