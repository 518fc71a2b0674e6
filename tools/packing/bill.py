"""What the program is made of: a bill of materials (CycloneDX 1.5), and the notices that its licences ask for.

From `cargo metadata`, so that it is what the lock file says for the target: no other tool, and nothing to install.
Crates that only run while the program is built are in the bill with the scope "excluded".
"""

import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import tomllib
import uuid

NAMESPACE = uuid.UUID("5b1c6d0e-7b3e-5d0a-9a55-6e6561726869")
"""Serial numbers are made of it and of the bill, so that the same commit gives the same bill."""
NOTICE_NAMES = ("licen", "copying", "notice", "copyright", "unlicense")
"""What the names of files with licences begin with."""


def metadata(top, target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, cwd=top, capture_output=True, check=True).stdout)


def version(found):
    return package_of(found, found["resolve"]["root"])["version"]


def package_of(found, ident):
    return next(package for package in found["packages"] if package["id"] == ident)


def parts(found):
    """Crates by their id: True if they are in the program, False if they only help to build it."""
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    in_program = {}

    def visit(ident, is_in):
        if in_program.get(ident, False) >= is_in and ident in in_program:
            return
        in_program[ident] = is_in
        for dependency in nodes[ident]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            is_macro = any("proc-macro" in kind for kind in target_kinds(package_of(found, dependency["pkg"])))
            if None in kinds:
                visit(dependency["pkg"], is_in and not is_macro)
            elif "build" in kinds:
                visit(dependency["pkg"], False)

    visit(found["resolve"]["root"], True)
    return in_program


def target_kinds(package):
    return [target["kind"] for target in package["targets"]]


def of_materials(top, found):
    """The text of the bill."""
    root = found["resolve"]["root"]
    in_program = parts(found)
    checksums = checksums_of(top)
    packages = sorted((package_of(found, ident) for ident in in_program), key=lambda one: (one["name"], one["version"]))
    components = [component(one, in_program[one["id"]], checksums) for one in packages if one["id"] != root]
    links = [link(node, found, in_program) for node in found["resolve"]["nodes"] if node["id"] in in_program]
    moment = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "tools/package of nearhit"}]},
            "component": {**component(package_of(found, root), True, {}), "type": "application"},
        },
        "components": components,
        "dependencies": sorted(links, key=lambda one: one["ref"]),
    }
    del bill["metadata"]["component"]["scope"]
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).hexdigest()
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}"
    return json.dumps(bill, indent=1) + "\n"


def component(package, is_in, checksums):
    name, number = package["name"], package["version"]
    described = {
        "type": "library",
        "bom-ref": url(package),
        "name": name,
        "version": number,
        "scope": "required" if is_in else "excluded",
        "purl": url(package),
    }
    if package["license"]:
        # Older crates write alternatives with a slash.
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if (name, number) in checksums:
        described["hashes"] = [{"alg": "SHA-256", "content": checksums[name, number]}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def url(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def link(node, found, in_program):
    uses = {url(package_of(found, dependency["pkg"])) for dependency in node["deps"] if dependency["pkg"] in in_program}
    return {"ref": url(package_of(found, node["id"])), "dependsOn": sorted(uses)}


def checksums_of(top):
    """Those of the crates as they were downloaded, from the lock file."""
    locked = tomllib.loads((top / "Cargo.lock").read_text())["package"]
    return {(one["name"], one["version"]): one["checksum"] for one in locked if "checksum" in one}


def notices(found):
    """The licences of all crates that are in the program, each text once, under the names of its crates."""
    root = found["resolve"]["root"]
    names_of = {}
    without = []
    for ident in (ident for ident, is_in in parts(found).items() if is_in and ident != root):
        package = package_of(found, ident)
        name = f"{package['name']} {package['version']} ({package['license']})"
        texts = licence_texts(pathlib.Path(package["manifest_path"]).parent)
        for text in texts:
            names_of.setdefault(text, set()).add(name)
        if not texts:
            without.append(name)
    blocks = [f"{', '.join(sorted(names))}\n\n{text}" for text, names in names_of.items()]
    if without:
        blocks.append("Without a text in their source: " + ", ".join(sorted(without)))
    head = "nearhit contains the following works of others, under their licences.\n"
    return head + "".join(f"\n{'-' * 80}\n{block.rstrip()}\n" for block in sorted(blocks))


def licence_texts(folder):
    """The texts of one crate, without what differs only in blanks at ends of lines."""
    files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(NOTICE_NAMES) and path.is_file())
    texts = [path.read_text(errors="replace") for path in files]
    return ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in texts]
