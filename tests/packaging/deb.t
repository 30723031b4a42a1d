#!/usr/bin/env bash
# deb.t - the packages: built from the release tarball, checked by lintian, installed and removed; the RPM spec file parsed.
. "$(dirname "$0")/lib.sh"
need build-essential dpkg-dev debhelper lintian fakeroot rpm rpmlint pkg-config libfuse3-dev libssl-dev libjansson-dev libyaml-dev libipsec-mb-dev libslurm-dev \
	libcmocka-dev binutils
need_dist

# --- RPM ------------------------------------------------------------------------------------------------------------
SPEC=$SRCDIR/packaging/gocryptfs-hpc.spec
ok "rpmspec parses the spec file" rpmspec -P "$SPEC"
is "it makes the two packages, of this version" "$(rpmspec -q --qf '%{NAME} %{VERSION}\n' "$SPEC" 2>/dev/null | grep -v debug | tr '\n' ,)" \
	"gocryptfs-hpc $VERSION,gocryptfs-hpc-slurm $VERSION,"
like "the Slurm part wants the release it was built for" \
	"$(rpmspec -q --requires -D 'slurm_version 23.11.4' "$SPEC" 2>/dev/null)" '^slurm\(x86-64\) >= 23\.11$'

# Built here too, though the names of what it needs are those of another distribution.
mkdir "$T/rpm"
ok "rpmbuild builds both packages" rpmbuild -bb --nodeps --nocheck -D "_topdir $T/rpm" -D "_sourcedir $(dirname "$DIST")" \
	-D 'slurm_version 22.05.8' "$SPEC"
rpms=$(find "$T/rpm/RPMS" -name '*.rpm' ! -name '*debug*' -exec rpm -qlp {} + 2>/dev/null)
like "the RPMs have the program" "$rpms" '^/usr/bin/gocryptfs$'
like "the plugin" "$rpms" '^/usr/lib.*/slurm/spank_cryptstore\.so$'
like "and its helper" "$rpms" '^/usr/libexec/cryptstore/cryptstore-node$'

find "$T/rpm/RPMS" -name '*.rpm' ! -name '*debug*' -exec rpmlint "$SPEC" {} + >"$T/rpmlint.log" 2>&1
like "rpmlint has looked at both and the spec file" "$(tail -n 3 "$T/rpmlint.log")" '2 packages and 1 specfiles checked'
# Who signs and packs is the builder's to say, and groups are a thing of the past.
is "and finds no error" "$(grep ': E: ' "$T/rpmlint.log" | grep -vE ': no-(signature|packager-tag|group-tag)')" ""

# --- build ----------------------------------------------------------------------------------------------------------
mkdir "$T/deb"
tar -C "$T/deb" -xf "$DIST"
TREE=$T/deb/gocryptfs-hpc-$VERSION
ok "the tarball holds the packaging" test -x "$TREE/packaging/debian/rules"
cp -r "$TREE/packaging/debian" "$TREE/debian"
is "the Debian changelog is of this version" "$(dpkg-parsechangelog -l "$TREE/debian/changelog" -S Version)" "$VERSION-1"
# The unit tests have run on this tarball in another suite.
build() { (cd "$TREE" && DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b); }
ok "dpkg-buildpackage builds both packages" build
TOOL=$(find "$T/deb" -maxdepth 1 -name 'gocryptfs-hpc_*.deb')
SLURM=$(find "$T/deb" -maxdepth 1 -name 'gocryptfs-hpc-slurm_*.deb')
[ -n "$TOOL" ] && [ -n "$SLURM" ] || bail "no packages"
ok "lintian finds no error" lintian --fail-on error --allow-root "$TOOL" "$SLURM"

# --- contents -------------------------------------------------------------------------------------------------------
files=$(dpkg-deb -c "$TOOL" | awk '{ print $6 }')
for f in usr/bin/gocryptfs usr/bin/gocryptfs-xray usr/bin/cryptstore usr/share/man/man1/gocryptfs.1.gz \
	usr/share/bash-completion/completions/gocryptfs usr/share/zsh/vendor-completions/_gocryptfs; do
	like "the tool has $f" "$files" "^\\./$f\$"
done
unlike "the tool has nothing that Slurm would load" "$files" 'spank_cryptstore|usr/lib/|usr/libexec'
slurm=$(dpkg-deb -c "$SLURM" | awk '{ print $6 }')
for f in 'usr/lib/[^/]*/slurm[^/]*/spank_cryptstore\.so' usr/libexec/cryptstore/cryptstore-node usr/libexec/cryptstore/gocryptfs \
	etc/cryptstore/policy.yaml.example usr/share/man/man8/cryptstore-node.8.gz; do
	like "the Slurm part has $f" "$slurm" "^\\./$f\$"
done
unlike "it activates nothing" "$slurm" 'etc/slurm/.*\.conf$|policy\.yaml$'
is "all of it is root's, and nobody else can write it" \
	"$(dpkg-deb -c "$SLURM" | awk '$2 != "root/root" || ($1 !~ /^l/ && ($1 ~ /^.....w/ || $1 ~ /^........w/)) { print }')" ""
like "it does not go with another release of Slurm" "$(dpkg-deb -f "$SLURM" Breaks)" \
	"slurmd \\(<< $(dpkg-query -W -f '${Version}' libslurm-dev | cut -d. -f1,2)~\\)"
dpkg-deb -x "$SLURM" "$T/x"
PLUGIN=$(find "$T/x" -name spank_cryptstore.so)
is "the plugin needs libc and nothing else" "$(readelf -d "$PLUGIN" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')" libc.so.6
is "and has no search path" "$(readelf -d "$PLUGIN" | grep -E 'RPATH|RUNPATH')" ""

# --- install, use, remove: in a copy of this system that is thrown away ------------------------------------------------------
trial()
{
	set -e
	mount -t tmpfs -o mode=755 tmpfs "$T/ov"
	mkdir "$T/ov/up" "$T/ov/work" "$T/ov/root"
	mount -t overlay -o "lowerdir=/,upperdir=$T/ov/up,workdir=$T/ov/work" overlay "$T/ov/root"
	mount --rbind /dev "$T/ov/root/dev"
	mount -t proc proc "$T/ov/root/proc"
	mkdir "$T/ov/root/deb"
	cp "$TOOL" "$SLURM" "$T/ov/root/deb/"
	chroot "$T/ov/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -ec '
		cd /
		list() { find /usr /etc -xdev -newer /deb \( -type f -o -type l \) | grep -v "/__pycache__\|^/etc/ld.so.cache\|mandb" | sort; }
		list >/deb/before
		dpkg -i /deb/gocryptfs-hpc_*.deb /deb/gocryptfs-hpc-slurm_*.deb
		echo "== $(command -v gocryptfs): $(gocryptfs -version)"
		mkdir /deb/s
		echo test >/deb/pw
		gocryptfs -q -init -scryptn 10 -passfile /deb/pw /deb/s
		gocryptfs -fsck -passfile /deb/pw /deb/s
		/usr/libexec/cryptstore/gocryptfs -version
		cryptstore --version
		man -w gocryptfs 2>/dev/null || ls /usr/share/man/man1/gocryptfs.1.gz
		dpkg -V gocryptfs-hpc gocryptfs-hpc-slurm
		dpkg -P gocryptfs-hpc gocryptfs-hpc-slurm
		for f in $(cat /var/lib/dpkg/info/gocryptfs-hpc*.list 2>/dev/null); do echo "left behind: $f"; done
		ls -d /etc/cryptstore /usr/libexec/cryptstore /usr/bin/cryptstore /usr/share/doc/gocryptfs-hpc* 2>/dev/null | sed "s/^/left behind: /"
		find / -xdev -name "spank_cryptstore.so" -path "/usr/*" | sed "s/^/left behind: /"
		echo "== removed"'
}
if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	skip "both packages install, work and go away" "needs root and mount namespaces"
else
	mkdir "$T/ov"
	export -f trial
	export T TOOL SLURM
	ok "both packages install, work and go away" unshare -m --propagation private bash -c trial
	like "gocryptfs in PATH is then ours" "$ok_out" "^== /usr/bin/gocryptfs: gocryptfs $VERSION; libfuse "
	like "it checks a store it has made" "$ok_out" 'fsck summary: no problems found'
	unlike "nothing is left after the removal" "$ok_out" 'left behind'
fi
done_testing
