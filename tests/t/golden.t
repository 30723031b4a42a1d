#!/usr/bin/env python3
"""Stores made long ago must read as they always did: our own golden ones, and upstream's of every age where they are here."""
import errno
import os
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

SHARED = os.environ.get("GCF_SHARED") or os.path.join(SRCDIR, "..", "shared")
LONG = "longname_255_" + "x" * 242
SUB = "dir/sub-" + "y" * 200


def opened(cipher, *opts, key=None):
    s = Store(create=False)
    os.rmdir(s.cipher)
    s.cipher = cipher
    return s.mount(*opts, key=key)


def golden(cipher):
    name = os.path.basename(cipher)
    s = opened(cipher, "-ro")
    top = os.fsencode(s.mnt)
    want = {b"status.txt": b"It works!\n", os.fsencode(LONG): b"It works!\n", os.fsencode(SUB) + b"/file": b"deep\n", b"empty": b"",
            b"two-blocks": b"A" * 5000, b"hard": b"A" * 5000, b"hole": b"\0" * 50000 + b"end", b"bytes-\xff\xfe": b"\xff\xfe"}
    eq({k: get(os.path.join(top, k)) for k in want}, want, "%s: every file" % name)
    eq(sorted(os.listdir(top)), sorted([k for k in want if b"/" not in k] + [b"rel", b"abs", b"dir"]), "%s: the listing" % name)
    eq((os.readlink(s / "rel"), os.readlink(s / "abs")), ("status.txt", "/a/b/c/d"), "%s: symlinks" % name)
    eq((int(os.stat(s / "status.txt").st_mtime), os.stat(s / "hard").st_nlink), (1234567890, 2), "%s: time and links" % name)
    s.unmount()
    rc, text = s.fsck()
    ok(rc == 0, "%s: fsck finds no fault" % name, text)
    # And it can still be written.
    s.mount()
    put(s / "status.txt", b"changed")
    os.unlink(s / LONG)
    eq((get(s / "status.txt"), os.path.exists(s / LONG)), (b"changed", False), "%s: can be written" % name)
    s.unmount()


def copy(fixture, cipher):
    """A writable copy; where symlinks went through a file system without any, they are files holding the target's text."""
    shutil.copytree(fixture, cipher, symlinks=True)
    os.chmod(cipher, 0o755)
    for n in os.listdir(cipher):
        p = os.path.join(cipher, n)
        if os.path.islink(p) or not os.path.isfile(p) or n.startswith("gocryptfs."):
            continue
        os.chmod(p, 0o644)
        data = get(p)
        if n in ("rel", "abs") or data and data.isascii() and all(c.isalnum() or c in "-_=" for c in data.decode()):
            os.unlink(p)
            os.symlink(data, os.fsencode(p))


def upstream(fixtures):
    """Keys and expectations as in INDEX.md beside the fixtures."""
    base = os.path.join(fixtures, "example_filesystems")
    stores = {
        "v0.7": ("ed7f6d8340cce86c0e7d79c2a9438710575221bf30a0eb602821fa8f7f3123bf", ("-raw64=false", "-hkdf=false")),
        "v0.7-plaintextnames": ("6d96397b585631e1c7cba69d61e738b64d5ad2c2e21f0fb352f60d3ab08526f7",
                                ("-raw64=false", "-hkdf=false", "-plaintextnames")),
        "v0.9": ("1cafe3f4bc3164662214c47cecd89bf34e078fe4f5faeea78b7cab02884f5e1c", ("-raw64=false", "-hkdf=false")),
        "v1.1-aessiv": ("eaf371c3f9a553368819f22b7bccd7c2a738cf617261c65814c28a039428992b", ("-raw64=false", "-hkdf=false", "-aessiv")),
        "v1.3": ("fd890dab86bf61cfec5ad460ad3ed01f9c52d5462a31783da56b088d3d05232e", ()),
        "v2.2-deterministic-names": ("722733f5b0f399f55465ad7af0bed125e82de7b4045e7608a5e5c78e04a1a61e", ("-deterministic-names",)),
        "v2.2-xchacha": ("44670e7e32475bfcbdfb8a8cbe17a7670679cac0be705d8caf41c41128c40f26", ("-xchacha",)),
        "v2.2-xchacha-deterministic-names": ("beba88a9c6cd1dc0b69c6f9d9daea4939ae870824ffc40bfb44e52db3933af39",
                                             ("-xchacha", "-deterministic-names")),
    }
    for name, (key, opts) in stores.items():
        cipher = os.path.join(T, name)
        copy(os.path.join(base, name), cipher)
        for how, mount in (("password", lambda: opened(cipher, "-openssl=true")), ("master key", lambda: opened(cipher, *opts, key=key))):
            s = mount()
            eq((get(s / "status.txt"), os.readlink(s / "rel"), os.readlink(s / "abs")), (b"It works!\n", "status.txt", "/a/b/c/d"),
               "upstream's %s by %s" % (name, how))
            if not name.startswith("v0.7"):
                eq(get(s / LONG), b"It works!\n", "upstream's %s by %s: long name" % (name, how))
            s.unmount()
    for name in ("v0.4", "v0.5", "v0.6", "v0.6-plaintextnames"):
        cipher = os.path.join(T, name)
        copy(os.path.join(base, name), cipher)
        mnt = os.path.join(T, "old")
        os.makedirs(mnt, exist_ok=True)
        rc, text = command([GCF, "-q", "-passfile", PW, cipher, mnt], check=False)
        eq(rc, 27, "upstream's %s is too old and refused: 27" % name)


def evil(fixtures):
    """Content or names made with another key derivation than the config says."""
    cipher = os.path.join(T, "bc")
    copy(os.path.join(fixtures, "hkdf_sanity/broken_content"), cipher)
    s = opened(cipher)
    fails(errno.EIO, "hkdf_sanity/broken_content: reading gives EIO", get, s / "status.txt")
    s.unmount()
    cipher = os.path.join(T, "bn")
    copy(os.path.join(fixtures, "hkdf_sanity/broken_names"), cipher)
    s = opened(cipher)
    fails(errno.ENOENT, "hkdf_sanity/broken_names: the name is not found", os.stat, s / "status.txt")
    s.unmount()
    conf = os.path.join(fixtures, "configfile_config_test")
    for name, code in (("v1.conf", 27), ("StrangeFeature.conf", 27), ("v2.conf", 0), ("PlaintextNames.conf", 0)):
        cipher = os.path.join(T, "conf-" + name)
        os.mkdir(cipher)
        mnt = cipher + ".mnt"
        os.mkdir(mnt)
        rc, text = command([GCF, "-q", "-passfile", PW, "-config", os.path.join(conf, name), cipher, mnt], check=False)
        eq(rc, code, "configfile_config_test/%s: %d" % (name, code))
        if is_mounted(mnt):
            subprocess.run(["fusermount3", "-u", mnt])
    passfiles = os.path.join(fixtures, "passfile_test_files")
    for name, code in (("mypassword.txt", 12), ("mypassword_garbage.txt", 12), ("mypassword_missing_newline.txt", 12), ("file with spaces.txt", 12),
                       ("empty.txt", 9), ("newline.txt", 9), ("empty_first_line.txt", 9)):
        if not os.path.exists(os.path.join(passfiles, name)):
            continue
        rc, text = command([GCF, "-q", "-fsck", "-passfile", os.path.join(passfiles, name), os.path.join(fixtures, "example_filesystems/v1.3")],
                           check=False)
        eq(rc, code, "passfile %s: %s" % (name, "read, but wrong" if code == 12 else "refused"))


def main():
    need_fuse()
    with tarfile.open(os.path.join(SRCDIR, "tests/golden/stores.tar.xz")) as t:
        t.extractall(T, filter="fully_trusted") if hasattr(tarfile, "fully_trusted_filter") else t.extractall(T)
    stores = sorted(os.listdir(T + "/stores"))
    eq(len(stores), 20, "twenty golden stores")
    for name in stores:
        sub(golden, os.path.join(T, "stores", name))
    fixtures = os.path.join(SHARED, "fixtures")
    if os.path.isdir(fixtures):
        sub(upstream, fixtures)
        sub(evil, fixtures)
    else:
        skip("upstream's old stores", "the fixtures are not here (set GCF_SHARED)")
    done()


main()
