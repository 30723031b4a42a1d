#!/usr/bin/env bash
# module.t - the hand-written modulefiles under Lmod and environment-modules, against Lmod's own checker and against each other.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need lmod tcl man-db

# The two packages conflict, so the second is only unpacked.
EM=$T/em
mkdir "$EM"
(cd "$T" && apt-get download -qq environment-modules >apt.log 2>&1 </dev/null && dpkg -x environment-modules_*.deb em) ||
	(apt-get update -qq; cd "$T" && apt-get download -qq environment-modules >apt.log 2>&1 </dev/null && dpkg -x environment-modules_*.deb em)
MODULECMD=$(find "$EM" -name modulecmd.tcl | head -n 1)

INST=$T/inst
made=$(make -s -C "$BUILDDIR" all 2>&1 && make -s -C "$BUILDDIR" install install-modulefile prefix="$INST" 2>&1) ||
	bail "make install install-modulefile failed" "$(tail -n 20 <<<"$made")"
LUA=$INST/share/modulefiles/lua TCL=$INST/share/modulefiles/tcl

lmod() { env -i HOME="$T" PATH=/usr/bin:/bin MANPATH= LMOD_SHORT_TIME=86400 bash --noprofile --norc -c ". /etc/profile.d/lmod.sh; module use $1; $2"; }
em() # COMMAND: under environment-modules
{
	env -i HOME="$T" PATH=/usr/bin:/bin MODULEPATH="$TCL" MODULESHOME="$EM/usr/share/modules" bash --noprofile --norc -c "
		module() { eval \"\$(tclsh $MODULECMD bash \"\$@\")\"; }
		$1"
}
# What the module sets; behind our own directory MANPATH has what the module system keeps there.
ours='env | sort | grep -F '"$INST"' | grep -vE "^(LOADEDMODULES|_LMFILES_|__?(LM|MODULES)|MODULEPATH|MODULESHOME|LMOD)" | sed "s/^\(MANPATH=[^:]*\):.*/\1/"; echo "$EBVERSIONGOCRYPTFS"'

# --- form -----------------------------------------------------------------------------------------------------------
CHECK=$(find /usr/share/lmod -name check_module_tree_syntax | head -n 1)
ok "Lmod's tree checker accepts the Lua module" "$CHECK" "$LUA"
ok "Lmod's tree checker accepts the Tcl module" "$CHECK" "$TCL"
mkdir -p "$T/bad/tools/gocryptfs"
{ cat "$LUA/tools/gocryptfs/$VERSION.lua"; echo 'no_such_function("x")'; } >"$T/bad/tools/gocryptfs/$VERSION.lua"
not_ok "(the checker finds a function that does not exist)" "$CHECK" "$T/bad"
unlike "nothing is left to fill in" "$(cat "$LUA"/tools/gocryptfs/* "$TCL"/tools/gocryptfs/*)" '@[A-Za-z]+@'
SPIDER=$(find /usr/share/lmod -path '*libexec/spider' | head -n 1)
json=$("$SPIDER" -o jsonSoftwarePage "$LUA" 2>/dev/null | tr -d '\\')
like "spider knows it as tools/gocryptfs" "$json" '"tools/gocryptfs"'
like "with its version" "$json" "\"(fullName|full)\": *\"tools/gocryptfs/$VERSION\"|\"tools/gocryptfs/$VERSION\""
like "its category" "$json" '"[Cc]ategor[a-z]*": *"tools"'
like "and its help" "$json" 'gocryptfs -init CIPHERDIR'

# --- Lmod ------------------------------------------------------------------------------------------------------------
for tree in "$LUA" "$TCL"; do
	kind=${tree##*/}
	is "Lmod loads the $kind file: tools/gocryptfs" "$(lmod "$tree" 'module load tools/gocryptfs; module -t list 2>&1')" "tools/gocryptfs/$VERSION"
	is "$kind: gocryptfs is the one that was installed" "$(lmod "$tree" 'module load tools/gocryptfs; command -v gocryptfs')" "$INST/bin/gocryptfs"
	like "$kind: -version is ours" "$(lmod "$tree" 'module load tools/gocryptfs; gocryptfs -version')" "^gocryptfs $VERSION; libfuse "
	is "$kind: man finds the page" "$(lmod "$tree" 'module load tools/gocryptfs; man -w gocryptfs')" "$INST/share/man/man1/gocryptfs.1"
	like "$kind: help tells the three commands" "$(lmod "$tree" 'module help tools/gocryptfs 2>&1')" 'fusermount3 -u MOUNTPOINT'
	like "$kind: whatis has the description" "$(lmod "$tree" 'module whatis tools/gocryptfs 2>&1')" 'encrypted overlay'
	is "$kind: unloading leaves nothing" "$(lmod "$tree" "module load tools/gocryptfs; module unload tools/gocryptfs; $ours")" ""
done
lua=$(lmod "$LUA" "module load tools/gocryptfs; $ours")
is "the Tcl twin sets the same variables as the Lua one" "$(lmod "$TCL" "module load tools/gocryptfs; $ours")" "$lua"
like "among them EBROOTGOCRYPTFS" "$lua" "^EBROOTGOCRYPTFS=$INST\$"
cp -r "$LUA" "$T/two"
cp "$T/two/tools/gocryptfs/$VERSION.lua" "$T/two/tools/gocryptfs/0.0.1.lua"
is "another version takes its place, never both" \
	"$(lmod "$T/two" "module load tools/gocryptfs/0.0.1 >/dev/null 2>&1; module load tools/gocryptfs/$VERSION >/dev/null 2>&1; module -t list 2>&1")" "tools/gocryptfs/$VERSION"

# --- environment-modules ----------------------------------------------------------------------------------------------
if [ -z "$MODULECMD" ]; then
	skip "the Tcl file under environment-modules" "the package environment-modules cannot be fetched: $(tail -n 1 "$T/apt.log")"
else
	is "environment-modules loads the Tcl file" "$(em 'module load tools/gocryptfs; command -v gocryptfs')" "$INST/bin/gocryptfs"
	is "and sets the same variables as Lmod" "$(em "module load tools/gocryptfs; $ours")" "$lua"
	like "its help tells the three commands" "$(em 'module help tools/gocryptfs 2>&1')" 'fusermount3 -u MOUNTPOINT'
	is "unloading leaves nothing" "$(em "module load tools/gocryptfs; module unload tools/gocryptfs; $ours")" ""
fi
done_testing
