"""Which processor the functions' code is for, by what the files say themselves."""

from pathlib import Path

from revision import code_folders

PARAMETER = "Architecture"

# e_machine of an ELF file → the template's word.
MACHINES = {62: "x86_64", 183: "arm64"}


def of_file(path):
    """The processor of a program, or None for what is no program of Linux's."""
    with open(path, "rb") as file:
        head = file.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    return MACHINES.get(int.from_bytes(head[18:20], "little"))


def wrong(template_file, template, values):
    """A sentence for each function whose code is for another processor than the parameter says."""
    wanted = values.get(PARAMETER)
    for name, folder in code_folders(template).items():
        path = Path(template_file).parent / str(folder) / "bootstrap"
        found = of_file(path) if path.is_file() else None
        if wanted and found and found != wanted:
            yield (
                f"{name}: its code is for {found}, and {PARAMETER}={wanted}: build it with ARCH={wanted}, take that of a "
                f"release with PARAMETERS='{PARAMETER}={wanted}', or deploy with PARAMETERS='{PARAMETER}={found}'"
            )
