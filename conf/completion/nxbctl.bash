# nxbctl.bash - completion of nxbctl's commands, options and sessions. Made by scripts/manual.
# SPDX-License-Identifier: MIT
_nxbctl() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" at
  COMPREPLY=()
  case "$before" in
    -s|--socket) compopt -o default 2>/dev/null; return ;;
    --condition) COMPREPLY=($(compgen -W "policy-violation system-shutdown internal-server-error undefined-condition host-gone" -- "$word")); return ;;
    --sort) COMPREPLY=($(compgen -W "age idle bytes queue" -- "$word")); return ;;
    --transport) COMPREPLY=($(compgen -W "bosh ws" -- "$word")); return ;;
    --type) COMPREPLY=($(compgen -W "session-start session-end stream-add stream-added stream-restart stream-restarted stream-terminate terminate nodes response no-client response-acknowledged stanza error worker-start worker-exit reload" -- "$word")); return ;;
  esac
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "${COMP_WORDS[at]}" in
      -s|--socket) ((at++)) ;;
      -*) ;;
      *) command="${COMP_WORDS[at]}"; break ;;
    esac
  done
  local words="--json --socket --help" sessions=""
  case "$command" in
    "") words="status stats workers sessions session explain kick probe drain undrain stop log reload watch events doctor $words --version" ;;
    status) words="$words" ;;
    stats) words="--watch $words" ;;
    workers) words="$words" ;;
    sessions) words="--sort --limit --transport --domain --ip $words" ;;
    session) words="$words"; sessions=yes ;;
    explain) words="$words"; sessions=yes ;;
    kick) words="--condition $words"; sessions=yes ;;
    probe) words="$words" ;;
    drain) words="--worker --over $words" ;;
    undrain) words="--worker $words" ;;
    stop) words="--now $words" ;;
    log) words="--for level ALL TRACE DEBUG INFO WARN ERROR FATAL OFF $words" ;;
    reload) words="$words" ;;
    watch) words="$words"; sessions=yes ;;
    events) words="--type --sid --domain $words" ;;
    doctor) words="--domain $words" ;;
  esac
  if [ -n "$sessions" ] && [[ "$word" != -* ]]; then
    words="$words $(nxbctl sessions --limit 200 2>/dev/null | awk 'NR > 1 && length($1) == 8 { print $1 }')"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _nxbctl nxbctl
