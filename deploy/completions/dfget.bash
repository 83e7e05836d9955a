# Made by `npm run docs` from the code; edit the code instead.
_dfget() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" flags
  case "$before" in
    --color) COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
    --log-level) COMPREPLY=($(compgen -W "trace debug info warn error silent" -- "$word")); return ;;
    -o | -i | --config | --output | --input | --netrc-file | --cacert | --cert | --key | --socket | --data-dir | --origins) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  case "${COMP_WORDS[1]}" in
    daemon) flags="--listen --any-port --socket --idle-exit --advertise --supernode --data-dir --zone --disk-quota --upload-limit --download-limit --task-download-limit --allow-origin --origins --log-level --config --print-config --version --help" ;;
    ls) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    stat) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    rm) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    pin) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    unpin) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    import) flags="--name --json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    export) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    peers) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    limits) flags="--upload --download --task --json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    doctor) flags="--json --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
    *) flags="--output --input --range --digest --tag --filter --header --no-netrc --netrc-file --cacert --cert --key --insecure --no-back-source --direct --recursive --include --exclude --max-files --max-depth --platform --s3-endpoint --s3-region --hf-endpoint --parallel --limit-rate --timeout --retry --overwrite --continue --no-clobber --mode --no-mtime --hard-link --quiet --json --color --console --socket --supernode --allow-origin --data-dir --idle-exit --config --print-config --version --help" ;;
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W "daemon ls stat rm pin unpin import export peers limits doctor" -- "$word"))
  else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _dfget dfget
