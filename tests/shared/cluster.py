"""cluster.py - several nodes (node.py), each in a mount namespace of its own, over one store; and what is judged of them."""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    pass


class Cluster:
    """ciphers: one path for all nodes, or a list (the same store as seen by each node)."""

    def __init__(self, n, cipher, mnt, passfile, program, options, prefix=None):
        unshare = ["unshare", "-m", "--propagation", "private"] if os.geteuid() == 0 else []
        ciphers = cipher if isinstance(cipher, list) else [cipher] * n
        self.nodes, self.seed = [], 0
        for i in range(n):
            # the same path in every namespace, as on real nodes; without namespaces they cannot be
            m = mnt if unshare or prefix else "%s%d" % (mnt, i)
            os.makedirs(m, exist_ok=True)
            how = prefix[i] if prefix else unshare
            self.nodes.append(subprocess.Popen(how + [sys.executable, os.path.join(HERE, "node.py"), ciphers[i], m, passfile,
                                                      program] + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                               text=True))
        try:
            for p in self.nodes:
                self._answer(p)
            self.each("mount", lambda i: dict(id=i, n=n))
        except BaseException:
            self.close()
            raise

    def _send(self, i, cmd, extra=None, args=None):
        self.nodes[i].stdin.write(json.dumps(dict(cmd=cmd, args=args or {}, **(extra or {}))) + "\n")
        self.nodes[i].stdin.flush()

    def _answer(self, p):
        line = p.stdout.readline()
        if not line:
            raise Failed("a node ended (exit code %s)" % p.wait())
        a = json.loads(line)
        if "failed" in a:
            raise Failed(a["failed"])
        return a

    def each(self, cmd, extra):
        for i in range(len(self.nodes)):
            self._send(i, cmd, extra(i))
        return [self._answer(p) for p in self.nodes]

    def all(self, pattern, **args):
        """Run the pattern on all nodes at the same moment; list of answers."""
        at = time.monotonic() + 0.05
        for i in range(len(self.nodes)):
            self._send(i, pattern, dict(at=at), args)
        answers, failed = [], None
        for p in self.nodes:
            try:
                answers.append(self._answer(p))
            except Failed as e:
                failed = e
        if failed:
            raise failed
        return answers

    def on(self, i, pattern, **args):
        self._send(i, pattern, None, args)
        return self._answer(self.nodes[i])

    def close(self):
        """Unmount all and end the nodes. Failed: a node or its daemon did not end by itself."""
        left = 0
        for p in self.nodes:
            try:
                p.stdin.close()
            except OSError:
                pass
        for p in self.nodes:
            try:
                left += p.wait(40) != 0
            except subprocess.TimeoutExpired:
                left += 1
                p.kill()
                p.wait()
            p.stdout.close()
        self.nodes = []
        if left:
            raise Failed("%d nodes could not unmount" % left)


class Result:
    """ops done, records wrong, lost, and errors (refused or unreadable)."""

    def __init__(self, answers=()):
        self.ops = sum(a.get("ops", 0) for a in answers)
        self.errors = sum(a.get("errors", 0) for a in answers)
        self.wrong = sum(a["wrong"] for a in answers if isinstance(a.get("wrong"), int))
        self.lost = 0
        self.what = {}
        for a in answers:
            for k, v in a.get("what", {}).items():
                self.what[k] = self.what.get(k, 0) + v

    @property
    def clean(self):
        return self.ops > 0 and not (self.wrong or self.lost or self.errors)

    def __str__(self):
        more = " (%s)" % ", ".join("%s x%d" % kv for kv in self.what.items()) if self.what else ""
        return "%d operations, %d wrong, %d lost, %d errors%s" % (self.ops, self.wrong, self.lost, self.errors, more)


# --- patterns with their judgement: each takes a cluster and a scale, returns a Result -------------------------------------
def strided(c, size, count):
    name = "strided.%d" % size
    n = len(c.nodes)
    c.on(0, "op", op="size", name=name)       # made before, so that only the data is raced for
    r = Result(c.all("strided", name=name, size=size, count=count))
    for i in range(n):
        a = c.on(i, "strided_check", name=name, size=size, count=count * n)
        r.wrong = max(r.wrong, len(a["wrong"]))
        r.lost = max(r.lost, len(a["bad"]))
    return r


def append(c, size, count, made=True):
    name = "log.%d.%d" % (size, made)
    if made:
        c.on(0, "op", op="size", name=name)
    r = Result(c.all("append", name=name, size=size, count=count))
    for i in range(len(c.nodes)):
        a = c.on(i, "append_check", name=name, size=size, count=count, writers=len(c.nodes))
        r.wrong = max(r.wrong, a["wrong"])
        r.lost = max(r.lost, a["lost"])
    return r


def create(c, count, maker_is_told=True):
    """maker_is_told=False: the file system under the store answers EEXIST now and then to the very client that made the
    file, so only that no two were told so counts."""
    r = Result(c.all("create", prefix="create.", count=count))
    for i in range(len(c.nodes)):
        a = c.on(i, "create_check", prefix="create.", count=count, writers=len(c.nodes))
        r.wrong = max(r.wrong, a["wrong"])
        r.lost = max(r.lost, a["bad"])
        r.what.update({"reading " + k: v for k, v in a["what"].items()})
    answers = c.all("excl", prefix="excl.", count=count)
    r2 = Result(answers)
    r.ops += r2.ops
    r.errors += r2.errors
    won = sorted(k for a in answers for k in a["won"])
    r.wrong += len(won) - len(set(won))       # two winners
    if len(set(won)) < count:                 # none
        r.lost += (count - len(set(won))) * maker_is_told
        r.what["O_EXCL without a maker"] = count - len(set(won))
    return r


def storm(c, count, seed):
    r = Result(c.all("storm", top="storm", count=count, seed=seed))
    lists = [c.on(i, "listing", top="storm")["list"] for i in range(len(c.nodes))]
    r.wrong += sum(x != lists[0] for x in lists)
    r.lost += c.on(len(c.nodes) - 1, "remove", top="storm")["left"]
    return r


def truncate(c, count, seed):
    r = Result(c.all("truncate", name="truncate", count=count, seed=seed))
    return r


def versions(c, count, seed):
    return Result(c.all("versions", name="versions", count=count, seed=seed))


def mapappend(c, count):
    r = Result([c.on(0, "mapappend", name="mapappend", count=count)])
    r.lost = sum(c.on(i, "op", op="size", name="mapappend")["got"] != 8192 + 3 * count for i in range(len(c.nodes)))
    return r


def locked(c, count, kind):
    r = Result(c.all("locked", name="counter." + kind, count=count, kind=kind))
    got = bytes.fromhex(c.on(len(c.nodes) - 1, "op", op="read", name="counter." + kind, size=20)["got"])
    r.lost += r.ops - int(got or b"0")
    return r


def judge_history(logs, slots):
    """A read may return a write that began before the read ended, unless that write was over and overwritten (by a write
    that began after its end) before the read began. Values of a slot that lies in two blocks are judged each by itself."""
    ops = [tuple(x) for log in logs for x in log]
    bad = []
    for slot in range(slots):
        writes = {x[4]: x for x in ops if x[2] == "w" and x[3] == slot}
        for x in ops:
            if x[3] != slot:
                continue
            begin, end, kind, _slot, value = x
            if isinstance(value, str):
                bad.append(x)
                continue
            if kind == "w":
                continue
            for v in value if isinstance(value, list) else [value]:
                w = writes.get(v) if v >= 0 else (0, 0)
                if not w or w[0] > end or any(o[0] > w[1] and o[1] < begin for o in writes.values()):
                    bad.append(x)
                    break
    return bad


def history(c, count, seed, slots=24, size=1000):
    logs = [a["log"] for a in c.all("history", name="history.%d" % seed, count=count, seed=seed, slots=slots, size=size)]
    r = Result()
    bad = judge_history(logs, slots)
    r.ops = sum(len(x) for x in logs)
    r.errors = sum(isinstance(x[4], str) for x in bad)
    r.wrong = len(bad) - r.errors
    return r


def names(c, count, seed, maker_is_told=True):
    c.on(0, "storm", top="names.%d" % seed, count=0, seed=0)
    answers = c.all("names", top="names.%d" % seed, count=count, seed=seed)
    r = Result(answers)
    there = {os.path.basename(x.split(" ")[0]) for x in c.on(0, "listing", top="names.%d" % seed)["list"]}
    for name in ("a", "b", "n" * 230):
        left = sum(a["made"].get(name, 0) - a["gone"].get(name, 0) for a in answers)
        if left > (name in there) or (maker_is_told and left != (name in there)):
            r.wrong += 1
            r.what["%.8s: %d left, %s" % (name, left, "there" if name in there else "not there")] = 1
    return r


def fsx(c, count, seed, keep=False, strict=False):
    """One step at a time on a node chosen at random, each checked against a model on another node. keep: descriptors stay
    open (what a node has read must still be right after another node's change: strict mode only, else writes only)."""
    import random
    r, rnd, model, name = Result(), random.Random(seed), bytearray(), "fsx.%d.%d" % (seed, keep)
    for step in range(count):
        ops = ["write", "write", "write", "truncate", "append", "fallocate", "read"]
        if not keep and model and not strict:
            ops += ["mapread", "mapwrite"]
        op, i = rnd.choice(ops), rnd.randrange(len(c.nodes))
        off, size, fill = rnd.randrange(60000), rnd.randrange(1, 12000), 1 + step % 255
        if op.startswith("map"):
            off = rnd.randrange(len(model))
            size = min(size, len(model) - off)
        hold = keep and (strict or op != "read")
        got = c.on(i, "op", op=op, name=name, off=off, size=size, fill=fill, keep=hold)["got"]
        if op in ("write", "mapwrite", "fallocate", "append"):
            if op == "append":
                off = len(model)
            if off + size > len(model):
                model.extend(bytes(off + size - len(model)))
            if op != "fallocate":
                model[off:off + size] = bytes([fill]) * size
        elif op == "truncate":
            del model[size:]
            model.extend(bytes(size - len(model)))
        else:
            r.wrong += bytes.fromhex(got) != bytes(model[off:off + size])
        got = c.on(rnd.randrange(len(c.nodes)), "op", op="read", name=name, size=1 << 17, keep=keep and strict)["got"]
        r.wrong += bytes.fromhex(got) != bytes(model)
        r.ops += 1
    return r


def killed(c, size, seconds, seed):
    """One daemon is killed under load: the others go on, and only what shares a block with its record in flight may be
    damaged, or refused."""
    n, victim, name = len(c.nodes), seed % len(c.nodes), "killed.%d" % seed
    c.on((victim + 1) % n, "op", op="size", name=name)
    answers = c.all("killed", name=name, size=size, seconds=seconds, seed=seed, victim=victim)
    r = Result()
    r.ops = sum(len(a["acked"]) for a in answers)
    acked = [i for a in answers for i in a["acked"]]
    hurt = answers[victim]["refused"][0] if answers[victim]["refused"] else None

    def near(k):
        return hurt is not None and k * size // 4096 <= ((hurt + 1) * size - 1) // 4096 and \
            ((k + 1) * size - 1) // 4096 >= hurt * size // 4096

    r.errors = sum(not near(k) for i, a in enumerate(answers) if i != victim for k in a["refused"])
    for i in range(n):
        wrong = c.on(i, "read_records", name=name, size=size, records=acked)["wrong"]
        r.lost = max(r.lost, sum(not near(k) for k in wrong))
    c.on((victim + 1) % n, "unlink", name=name)     # its torn block, if any, is no news to the -fsck that follows
    return r


def killed_log(c, size, seconds, seed):
    """The same while all append to one log: nobody else is refused, and at most one block is damaged."""
    n, victim, name = len(c.nodes), seed % len(c.nodes), "killedlog.%d" % seed
    c.on((victim + 1) % n, "op", op="size", name=name)
    answers = c.all("killed", name=name, size=size, seconds=seconds, seed=seed, victim=victim, log=True)
    r = Result()
    r.ops = sum(len(a["acked"]) for a in answers)
    r.errors = sum(len(a["refused"]) for i, a in enumerate(answers) if i != victim)
    for i in range(n):
        got = c.on(i, "read_log", name=name, size=size)
        missing = {k for a in answers for k in a["acked"]} - set(got["found"])
        r.wrong = max(r.wrong, got["wrong"] + len(got["found"]) - len(set(got["found"])) + max(0, len(got["bad"]) - 1))
        r.lost = max(r.lost, len(missing) - 4096 // size * len(got["bad"]))
    c.on((victim + 1) % n, "unlink", name=name)
    return r
