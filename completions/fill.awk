# fill.awk - puts the option table of gocryptfs (src/cli/opts.def) into a completion template.
#   awk -f fill.awk src/cli/opts.def TEMPLATE
# A line of the template that is @FLAGS@, @VALUES@ or @ZSH@ becomes: options without a value, options with one, or
# one _arguments specification for each.
function value_of(name)
{
	if (name ~ /^(passfile|config|exclude-from|ctlsock|cpuprofile|memprofile|trace)$/)
		return ":file:_files"
	if (name == "peers")
		return ":what to do:(warn refuse ignore)"
	if (name == "masterkey")
		return ":source:(stdin)"
	return ":value: "
}
FNR == NR {
	if (match($0, /^OPT\("[^"]+", [A-Z0-9]+/)) {
		split($0, part, /"/)
		name[++n] = part[2]
		type[n] = $0
		sub(/^OPT\("[^"]+", /, "", type[n])
		sub(/,.*/, "", type[n])
	}
	# The help text is the last string of the entry, which may go on in a second line.
	if (/\)$/) {
		text = $0
		gsub(/\\"/, "\001", text)
		match(text, /"[^"]*"\)$/)
		text = substr(text, RSTART + 1, RLENGTH - 3)
		gsub(/\001/, "", text)
		gsub(/[\[\]:]/, "\\\\&", text)
		gsub(/'/, "'\\''", text)
		help[n] = text
	}
	next
}
$0 == "@FLAGS@" || $0 == "@VALUES@" || $0 == "@ZSH@" {
	for (i = 1; i <= n; i++) {
		flag = type[i] == "BOOL" || type[i] == "SHARING"
		if ($0 == "@ZSH@")
			printf "\t'-%s[%s]%s' \\\n", name[i], help[i], flag ? "" : value_of(name[i])
		else if (flag == ($0 == "@FLAGS@"))
			print "\t-" name[i]
	}
	next
}
{ print }
