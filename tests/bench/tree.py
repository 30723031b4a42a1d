#!/usr/bin/env python3
"""tree.py - makes a tarball that looks like a kernel source tree, always the same one, without fetching anything.

    tree.py OUT.tar [ENTRIES [MEGABYTES]]         default: 14000 entries, 170 MB, like linux-6.1 without its drivers

Directories hold 1 to 40 files, up to 7 levels deep; sizes follow a log-normal curve (median 5 kB, some of 1 MB); a few
symbolic links. Contents are words and numbers, so that no layer can store them as holes.
"""
import io
import math
import random
import sys
import tarfile

WORDS = ("static int struct void return if else for while switch case break const unsigned long char include define endif ifdef "
         "list head lock init exit probe remove read write open close alloc free buf len size offset page inode dentry file ops "
         "device driver bus irq dma mmio reg mask shift flag state error ret err out goto NULL GFP_KERNEL EINVAL ENOMEM").split()


def text(rnd, n, base):
    """n bytes of something like C: pieces of one long text from a random place, made different by a number."""
    at = rnd.randrange(len(base) - 1)
    piece = (b"/* %d */\n" % rnd.randrange(1 << 60)) + base[at:at + n]
    while len(piece) < n:
        piece += base[:n - len(piece)]
    return piece[:n]


def add(tar, name, kind, data=b"", target=""):
    info = tarfile.TarInfo(name)
    info.mtime, info.type, info.linkname = 1670000000, kind, target
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def main():
    out = sys.argv[1]
    entries = int(sys.argv[2]) if len(sys.argv) > 2 else 14000
    total = int(float(sys.argv[3]) * 1e6) if len(sys.argv) > 3 else entries * 12150
    rnd = random.Random(6.1)
    base = " ".join(rnd.choice(WORDS) + ("\n\t" if rnd.random() < 0.15 else "") for _ in range(400000)).encode()
    sizes = [min(1 << 20, max(40, int(math.exp(rnd.gauss(math.log(5000), 1.25))))) for _ in range(entries)]
    scale = total / sum(sizes)
    with tarfile.open(out, "w") as tar:
        add(tar, "linux", tarfile.DIRTYPE)
        dirs, made = ["linux"], 0
        while made < entries:
            d = rnd.choice(dirs)
            if d.count("/") < 7:
                d += "/" + rnd.choice(WORDS) + str(len(dirs))
                dirs.append(d)
                add(tar, d, tarfile.DIRTYPE)
                made += 1
            for i in range(rnd.randrange(1, 30)):
                name = "%s/%s_%s%d.%s" % (d, rnd.choice(WORDS), rnd.choice(WORDS), made, rnd.choice("cccchhhS"))
                if rnd.random() < 0.004:
                    add(tar, name, tarfile.SYMTYPE, target="../" + rnd.choice(WORDS))
                else:
                    add(tar, name, tarfile.REGTYPE, text(rnd, max(1, int(sizes[made % entries] * scale)), base))
                made += 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main())
