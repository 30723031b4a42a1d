#!/usr/bin/env bash
# eb.t - a real EasyBuild, run by an ordinary user, builds both easyconfigs from the release tarball; Lmod loads the result.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
EB_VERSION=${EB_VERSION:-5.4.1}

need lmod python3-venv patch file gcc make pkg-config libfuse3-dev fuse3 libssl-dev libjansson-dev libyaml-dev libipsec-mb-dev \
	man-db
need_pip "$T/venv" "easybuild==$EB_VERSION" pycodestyle GitPython
need_dist
need_user

mkdir "$T/src" "$T/eb" "$T/prefix" "$T/evil"
[ "$(id -u)" != 0 ] || chown nobody "$T/src" "$T/prefix" "$T/evil"
cp "$DIST" "$T/src/"
"$SRCDIR/easyconfigs/inject-checksum" "$T/src/$(basename "$DIST")" "$T/eb" >"$T/inject.log" 2>&1 || bail "inject-checksum" "$(cat "$T/inject.log")"
EB=$T/eb/gocryptfs-$VERSION.eb
GCC=$T/eb/gocryptfs-$VERSION-GCCcore-13.2.0.eb

# What a site sets. The Python is named, for EasyBuild looks for one on PATH.
cat >"$T/env.sh" <<END
export PATH=$T/venv/bin:\$PATH EB_PYTHON=$T/venv/bin/python
. /etc/profile.d/lmod.sh
export EASYBUILD_MODULES_TOOL=Lmod EASYBUILD_MODULE_SYNTAX=Lua EASYBUILD_MODULE_NAMING_SCHEME=CategorizedModuleNamingScheme
export EASYBUILD_TMPDIR=$T/prefix/tmp
export EASYBUILD_PREFIX=$T/prefix EASYBUILD_SOURCEPATH=$T/src EASYBUILD_PARALLEL=2
END
user() { as_user bash --noprofile --norc -c ". $T/env.sh; $1"; }
loaded() { user "module use $T/prefix/modules/all; module load $1 || exit; $2"; }

# --- the easyconfigs ------------------------------------------------------------------------------------------------
[ -s "$EB" ] && [ -s "$GCC" ] && result 0 "both easyconfigs are for version $VERSION" ||
	bail "easyconfigs/g/gocryptfs has no easyconfigs for version $VERSION"
ok "eb --check-contrib is content with the SYSTEM easyconfig" user "eb --check-contrib $EB"
ok "eb --check-contrib is content with the GCCcore easyconfig" user "eb --check-contrib $GCC"
is "inject-checksum writes the tarball's SHA-256" "$(sed -n "s/^checksums = \['\(.*\)'\]/\1/p" "$EB")" "$(sha256sum <"$DIST" | cut -d' ' -f1)"
# (A copy: the source tree may lie where an ordinary user cannot read.)
mkdir "$T/plain"
cp "$SRCDIR/easyconfigs/g/gocryptfs/gocryptfs-$VERSION.eb" "$T/plain/"
not_ok "the easyconfig in the source tree, without checksum, builds nothing" user "eb --fetch $T/plain/gocryptfs-$VERSION.eb"
like "and it says that the checksum is wrong" "$ok_out" "[Cc]hecksum"

# --- SYSTEM toolchain -----------------------------------------------------------------------------------------------
ok "eb builds, checks and installs the SYSTEM easyconfig" user "eb $EB"
[ -x "$T/prefix/software/gocryptfs/$VERSION/bin/gocryptfs" ] || bail "without it the rest has no meaning" \
	"$(find "$T/prefix/tmp" -path '*run-shell-cmd-output/make*' -name out.txt -exec grep -hE '^(FAIL|ERROR)|[ :]error:|\*\*\*' {} + | head -n 30)"
like "the build ran make check" "$(find "$T/prefix" -name '*.log' -exec cat {} + 2>/dev/null; find "$T/prefix" -name '*.log.bz2' -exec bzcat {} + 2>/dev/null)" \
	'make check'
is "the module is exactly tools/gocryptfs/$VERSION" "$(cd "$T/prefix/modules/all" && find tools -name '*.lua')" "tools/gocryptfs/$VERSION.lua"
ok "an ordinary user loads tools/gocryptfs" loaded tools/gocryptfs true
is "Lmod lists tools/gocryptfs/$VERSION" "$(loaded tools/gocryptfs 'module -t list 2>&1 | grep gocryptfs')" "tools/gocryptfs/$VERSION"
is "gocryptfs is then the one of the module" "$(loaded tools/gocryptfs 'command -v gocryptfs')" "$T/prefix/software/gocryptfs/$VERSION/bin/gocryptfs"
like "gocryptfs -version is ours" "$(loaded tools/gocryptfs 'gocryptfs -version')" "^gocryptfs $VERSION; libfuse "
ok "gocryptfs -init and -fsck work from the module" loaded tools/gocryptfs \
	'mkdir s && echo test | gocryptfs -q -init -scryptn 10 s && echo test | gocryptfs -q -fsck s'
like "man finds its page" "$(loaded tools/gocryptfs 'man -w gocryptfs')" "^$T/prefix/software/gocryptfs/$VERSION/share/man/man1/gocryptfs.1"
like "module whatis describes it" "$(loaded tools/gocryptfs 'module whatis tools/gocryptfs 2>&1')" "Encrypted overlay file system"
like "module spider finds it" "$(user "module use $T/prefix/modules/all; module -t spider gocryptfs 2>&1")" "tools/gocryptfs/$VERSION"
is "after the unload it is gone from PATH" \
	"$(loaded tools/gocryptfs 'module unload tools/gocryptfs; command -v gocryptfs | grep -c "^'"$T"'"; echo "${EBROOTGOCRYPTFS-unset}"')" "0
unset"
BIN=$T/prefix/software/gocryptfs/$VERSION/bin/gocryptfs
unlike "libfuse3 is the operating system's" "$(ldd "$BIN" | grep libfuse3)" "$T"
like "bash completion is found through XDG_DATA_DIRS" "$(loaded tools/gocryptfs 'ls "${XDG_DATA_DIRS%%:*}/bash-completion/completions"')" '^gocryptfs$'

# --- the sanity checks see through another gocryptfs ----------------------------------------------------------------------
# One in PATH that says all that ours says, and the Go program's words in our place.
check_only() { user "export PATH=$T/fake:\$PATH; eb --sanity-check-only $EB"; }
mkdir "$T/fake"
printf '#!/bin/sh\necho "gocryptfs %s; libfuse 3.14.0; x"\n' "$VERSION" >"$T/fake/gocryptfs"
chmod 755 "$T/fake/gocryptfs"
ok "eb's sanity checks accept what was installed" check_only
mv "$BIN" "$T/gocryptfs.kept"
not_ok "not if the program is missing, though another one is in PATH" check_only
like "for that reason" "$ok_out" '[Ss]anity check failed'
printf '#!/bin/sh\necho "gocryptfs %s; go-fuse 2.7.2; 2026-01-01 go1.25 linux/amd64"\n' "$VERSION" >"$BIN"
chmod 755 "$BIN"
not_ok "nor if it is another program" check_only
like "(for that reason)" "$ok_out" '[Ss]anity check failed'
cp -p "$T/gocryptfs.kept" "$BIN"

# A tarball that was changed after its checksum was taken.
cp "$T/src/"*.tar.xz "$T/evil/"
echo x >>"$T/evil/$(basename "$DIST")"
not_ok "a tarball with another checksum is refused" user "EASYBUILD_SOURCEPATH=$T/evil eb --force $EB"

# --- the same variables as the hand-written modulefile ------------------------------------------------------------------
make -s -C "$BUILDDIR" install-modulefile DESTDIR="$T/hand" prefix="$T/prefix/software/gocryptfs/$VERSION" >"$T/mod.log" 2>&1 </dev/null ||
	bail "make install-modulefile failed" "$(cat "$T/mod.log")"
HAND=$T/hand$T/prefix/software/gocryptfs/$VERSION/share/modulefiles/lua
chmod -R a+rX "$T/hand"
# Variables that only Lmod itself uses, and the one that points to EasyBuild's own record of the build, differ.
variables='env | sort | grep -vE "^(__?LM|_LMFILES|LOADEDMODULES|LMOD|MODULEPATH|EBDEVEL|_=|_ModuleTable|__LMOD|SHLVL|BASH_FUNC|PWD)" | grep -aF '"$T/prefix/software"
generated=$(loaded tools/gocryptfs "$variables; echo \$EBVERSIONGOCRYPTFS")
hand=$(user "module use $HAND; module load tools/gocryptfs || exit; $variables; echo \$EBVERSIONGOCRYPTFS")
is "the hand-written modulefile sets what the generated one sets" "$hand" "$generated"

# --- GCCcore, with the system's compiler ------------------------------------------------------------------------------
gcc=$(gcc -dumpfullversion)
sed "s/^version = .*/version = '$gcc'/" "$(find "$T/venv" -name GCCcore-system.eb)" >"$T/eb/GCCcore-$gcc.eb"
sed "s/'version': '13.2.0'/'version': '$gcc'/" "$GCC" >"$T/eb/gocryptfs-$VERSION-GCCcore-$gcc.eb"
ok "the system's compiler becomes GCCcore/$gcc" user "eb $T/eb/GCCcore-$gcc.eb"
# The tests have run above, on the same source.
ok "eb builds the GCCcore easyconfig with it" \
	user "eb --skip-test-step --filter-deps=binutils,pkgconf,OpenSSL,Jansson,libyaml $T/eb/gocryptfs-$VERSION-GCCcore-$gcc.eb"
like "its module loads and is ours" "$(loaded "tools/gocryptfs/$VERSION-GCCcore-$gcc" 'command -v gocryptfs; gocryptfs -version')" \
	"^$T/prefix/software/gocryptfs/$VERSION-GCCcore-$gcc/bin/gocryptfs"
logs=$(find "$T/prefix/software/gocryptfs/$VERSION-GCCcore-$gcc" -name '*.log' -exec cat {} + -o -name '*.log.bz2' -exec bzcat {} +)
like "the log of that build is at hand" "$logs" 'gcc .*-c '
unlike "it was not compiled for the processor of the build host" "$logs" 'gcc .*-march='
is "with both, tools/gocryptfs is the SYSTEM one" "$(loaded tools/gocryptfs 'module -t list 2>&1 | grep gocryptfs')" "tools/gocryptfs/$VERSION"

done_testing
