"""Tests ../jsr/completion.py."""

import shlex
import shutil
import subprocess

import pytest

from jsr import __main__ as console

# What is typed, and what is offered; the folder holds `my photo.png` and `photo.jpg`.
OFFERED = {
    "jsr tr": {"train"},
    "jsr infer --mod": {"--model"},
    "jsr infer p": {"photo.jpg"},
    "jsr infer --model srg": {"srgan", "srgan-photo"},
    "jsr infer --model srgan p": {"photo.jpg"},
    "jsr infer --model ph": {"photo.jpg"},
    "jsr infer photo.jpg --format j": {"jpg", "jpeg", "jxl"},
    "jsr evaluate --data m": {"my photo.png"},
    "jsr fetch lpips vgg": {"vgg16", "vgg19"},
    "jsr train --phase srr": {"srresnet"},
    "jsr import m": {"my photo.png"},
}


@pytest.fixture
def folder(tmp_path):
    for name in ("my photo.png", "photo.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def _run(shell, path, code, capsys):
    """Writes the completion of a shell to the file `script` and runs code in that shell; returns what it prints."""
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    assert console.main(["--print-completion", shell]) == 0
    (path / "script").write_text(capsys.readouterr().out)
    process = subprocess.run([shell, "-c", code], capture_output=True, text=True, cwd=path, check=True)
    assert process.stderr == ""
    return process.stdout


def test_bash_completes(folder, capsys):
    """As bash: it calls the function that `complete -p` names, and if that offers nothing, files by `-o default`."""
    several = {
        "jsr evaluate --data a b --mod": {"--model"},
        "jsr evaluate --model bicubic srr": {"srresnet", "srresnet-photo"},
    }
    code = "source ./script; all=$(complete -p jsr); function=${all##*-F }; function=${function% jsr}\n"
    for line in OFFERED | several:
        code += f"""
            COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); $function
            if [[ -z $COMPREPLY && $all = *"-o default"* ]]
            then mapfile -t COMPREPLY < <(compgen -f -- ${{COMP_WORDS[-1]}})
            fi
            (IFS=/; echo "${{COMPREPLY[*]}}")
        """
    lines = _run("bash", folder, code, capsys).splitlines()
    found = {line: set(offered.split("/")) for line, offered in zip(OFFERED | several, lines, strict=True)}
    assert found == OFFERED | several


def test_fish_completes(folder, capsys):
    code = "source ./script\n" + "".join(f"complete -C {shlex.quote(line)}\necho .\n" for line in OFFERED)
    *groups, rest = _run("fish", folder, code, capsys).split(".\n")
    found = [{line.partition("\t")[0] for line in group.splitlines()} for group in groups]
    assert (dict(zip(OFFERED, found, strict=True)), rest) == (OFFERED, "")


def test_zsh_reads_its_script(folder, capsys):
    """Completing itself needs a terminal there."""
    code = 'autoload -U compinit; compinit -u -D; eval "$(<script)"; print $_comps[jsr]; whence -w _jsr_models'
    assert _run("zsh", folder, code, capsys) == "_shtab_jsr\n_jsr_models: function\n"


@pytest.mark.parametrize(("words", "message"), [([], "required: shell"), (["bsh"], "got bsh, perhaps bash")])
def test_unknown_shell_is_refused(words, message, capsys):
    with pytest.raises(SystemExit) as exit:
        console.main(["--print-completion", *words])
    assert exit.value.code == 2 and message in capsys.readouterr().err
