# complete.zsh - what an interactive zsh makes of a line when Tab is pressed at its end.
#   zsh -f complete.zsh DIRECTORY-OF-COMPLETIONS SCRATCH-DIRECTORY LINE
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= ; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -D -u -d ${(q)2}/dump; bindkey -e; bindkey '^I' complete-word"
zpty -w shell 'print REA""DY'
zpty -r -m shell seen '*READY*'
# The line is printed, not executed: "print" goes in front of it, a mark behind it.
zpty -n -w shell "$3"$'\t\C-aprint -r -- "<\C-e>"; print DO""NE\n'
zpty -r -m shell seen '*DONE*'
print -r -- "$seen" | tr -d '\r' | sed -n 's/^<\(.*[^ ]\) *>$/\1/p'
zpty -d shell
