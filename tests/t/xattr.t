#!/usr/bin/env python3
"""Extended attributes and POSIX ACLs through a real mount, and how they lie in the store."""
import errno
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from taplib import *    # noqa: the tests are written in its words

MODES = {"default": (), "aessiv": ("-aessiv",), "xchacha": ("-xchacha",), "plaintextnames": ("-plaintextnames",)}


def attributes(s, mode):
    put(s / "f", b"x"), os.mkdir(s / "d"), os.symlink("f", s / "l")
    values = {"user.empty": b"", "user.short": b"bar", "user.binary": bytes(range(256)), "user.big": b"v" * 2000,
              "user.n" + "a" * 100: b"long name"}
    for target in ("f", "d"):
        for name, value in values.items():
            os.setxattr(s / target, name, value)
    s.unmount().mount()
    for target in ("f", "d"):
        eq({n: os.getxattr(s / target, n) for n in os.listxattr(s / target)}, values, "%s: attributes of %s after a remount" % (mode, target))
    back = os.path.join(s.cipher, next(n for n in os.listdir(s.cipher) if not n.startswith("gocryptfs.") and
                                       os.path.isfile(os.path.join(s.cipher, n)) and not os.path.islink(os.path.join(s.cipher, n))))
    stored = os.listxattr(back)
    ok(len(stored) == len(values) and all(n.startswith("user.gocryptfs.") for n in stored), "%s: names are encrypted in the store" % mode, stored)
    ok(not any(b"bar" in os.getxattr(back, n) or b"vvvv" in os.getxattr(back, n) for n in stored), "%s: values too" % mode)
    os.setxattr(s / "f", "user.short", b"new", os.XATTR_REPLACE)
    eq(os.getxattr(s / "f", "user.short"), b"new", "%s: XATTR_REPLACE replaces" % mode)
    fails(errno.EEXIST, "%s: XATTR_CREATE of an attribute that is there" % mode, os.setxattr, s / "f", "user.short", b"", os.XATTR_CREATE)
    fails(errno.ENODATA, "%s: XATTR_REPLACE of one that is not" % mode, os.setxattr, s / "f", "user.nope", b"", os.XATTR_REPLACE)
    os.removexattr(s / "f", "user.short")
    fails(errno.ENODATA, "%s: a removed attribute is gone" % mode, os.getxattr, s / "f", "user.short")
    fails(errno.ENODATA, "%s: and cannot be removed again" % mode, os.removexattr, s / "f", "user.short")
    buf = 3
    libc_r = libc.getxattr(os.fsencode(s / "f"), b"user.big", bytes(buf), buf)
    eq((libc_r, ctypes_errno()), (-1, errno.ERANGE), "%s: a buffer that is too small" % mode)
    eq(libc.getxattr(os.fsencode(s / "f"), b"user.big", None, 0), 2000, "%s: the length is that of the plain value" % mode)
    if os.geteuid() == 0:
        os.setxattr(s / "f", "trusted.t", b"root's")
        eq(os.getxattr(s / "f", "trusted.t"), b"root's", "%s: an attribute of another namespace" % mode)
    s.unmount()
    # Damage one value: it must give EIO, the others stay.
    n = next(n for n in os.listxattr(back) if len(os.getxattr(back, n)) > 1500)
    v = bytearray(os.getxattr(back, n))
    v[-1] ^= 1
    os.setxattr(back, n, bytes(v))
    os.setxattr(back, "user.gocryptfs.garbage", b"x")
    os.setxattr(back, "user.stranger", b"x")
    s.mount()
    fails(errno.EIO, "%s: a damaged value gives EIO" % mode, os.getxattr, s / "f", "user.big")
    eq(os.getxattr(s / "f", "user.binary"), bytes(range(256)), "%s: its neighbour is fine" % mode)
    ok("user.stranger" not in os.listxattr(s / "f") and "user.garbage" not in os.listxattr(s / "f"), "%s: strangers are not listed" % mode)


def ctypes_errno():
    import ctypes
    return ctypes.get_errno()


def acls(s):
    for tool in ("setfacl", "getfacl"):
        if not shutil.which(tool):
            return (bail if CI else lambda w: skip("POSIX ACLs", w))(tool + " is not installed")
    put(s / "f", b"x"), os.mkdir(s / "d")
    p = subprocess.run(["setfacl", "-m", "u:1234:rwx,g:4321:r", s / "f"], stderr=subprocess.PIPE, text=True)
    if p.returncode:
        return skip("POSIX ACLs", "the backing file system has none: " + p.stderr.strip())
    text = lambda path: subprocess.run(["getfacl", "-cnp", path], stdout=subprocess.PIPE, text=True).stdout
    ok("user:1234:rwx" in text(s / "f") and "group:4321:r--" in text(s / "f"), "an ACL is kept", text(s / "f"))
    back = [os.path.join(s.cipher, n) for n in os.listdir(s.cipher)]
    ok(any("user:1234:rwx" in text(b) for b in back), "and stands in clear on the store's file")
    subprocess.run(["setfacl", "-d", "-m", "u:1234:r", s / "d"], check=True)
    put(s / "d/inherits", b"")
    ok("default:user:1234:r--" in text(s / "d"), "a default ACL is kept", text(s / "d"))
    ok("user:1234:r--" in text(s / "d/inherits"), "and inherited", text(s / "d/inherits"))
    subprocess.run(["setfacl", "-b", s / "f"], check=True)
    ok("1234" not in text(s / "f"), "an ACL can be removed")


def enforced(s):
    """-acl: the kernel lets in those whom the ACL names."""
    s.unmount().mount("-acl", "-allow_other")
    os.chmod(s.mnt, 0o755)
    put(s / "secret", b"x")
    os.chmod(s / "secret", 0o600)
    for d in (T,):
        os.chmod(d, 0o755)
    reader = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups", "cat", s / "secret"]
    ok(subprocess.run(reader, capture_output=True).returncode != 0, "-acl: another user may not read a 0600 file")
    if subprocess.run(["setfacl", "-m", "u:1234:r", s / "secret"], capture_output=True).returncode:
        return skip("-acl: the named user may", "no ACLs on the backing file system")
    eq(subprocess.run(reader, capture_output=True).stdout, b"x", "-acl: the user named in the ACL may")


def switched_off(s):
    s.unmount().mount("-noxattr")
    put(s / "n", b"")
    fails((errno.EOPNOTSUPP,), "-noxattr: setting is refused", os.setxattr, s / "n", "user.a", b"b")
    eq(os.listxattr(s / "n"), [], "-noxattr: nothing is listed")
    fails((errno.ENODATA, errno.EOPNOTSUPP), "-noxattr: nothing is there", os.getxattr, s / "n", "user.a")


def labels(s):
    """`ls -l` asks every file for its label until it hears that there are none; one that was stored is found all the same."""
    put(s / "labelled", b""), put(s / "bare", b"")
    os.setxattr(s / "labelled", "security.selinux", b"system_u:object_r:tmp_t:s0")
    eq(os.getxattr(s / "labelled", "security.selinux"), b"system_u:object_r:tmp_t:s0", "a stored label is found")
    fails(errno.EOPNOTSUPP, "where there is none, no file is asked again", os.getxattr, s / "bare", "security.selinux")
    fails(errno.ENODATA, "any other attribute that is not there is only that", os.getxattr, s / "bare", "security.other")


def main():
    need_fuse()
    probe = os.path.join(T, "probe")
    put(probe, b"")
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError as e:
        skip_all("no user attributes under %s: %s" % (T, e.strerror))
    for mode, init in MODES.items():
        s = Store(*init).mount()
        sub(attributes, s, mode)
    s = Store().mount()
    sub(acls, s)
    if os.geteuid() == 0:
        sub(enforced, s)
        if os.path.exists("/sys/fs/selinux/enforce"):
            skip("labels", "SELinux answers for them here")
        else:
            sub(labels, Store().mount())
    else:
        skip("-acl is enforced", "needs root")
    if "gocryptfs 2.3" not in (go_version() or "") or GCF != GO:
        sub(switched_off, s)
    done()


main()
